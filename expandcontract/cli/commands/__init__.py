"""One module per verb: its options, and the call into the engine. `build` returns its command."""
