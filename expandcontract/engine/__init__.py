"""The only place that knows the order of things: planning, running, and what is true of a change now."""
