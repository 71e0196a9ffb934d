"""The rooms that talk to a server, one by one, on a real PostgreSQL."""
