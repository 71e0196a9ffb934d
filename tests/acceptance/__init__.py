"""The command from outside, on a real PostgreSQL, with real applications writing."""
