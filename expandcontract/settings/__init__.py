"""Settings: where they come from, what each means, and what they are worth to the engine."""
