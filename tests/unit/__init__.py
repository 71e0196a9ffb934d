"""The pure parts: no server, no clock, no randomness."""
