"""Processes that die, servers that crash, networks that break."""
