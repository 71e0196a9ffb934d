"""Runs a Python function of the user in a process of its own: what it does to that process ends there.

Nothing is imported here: that process begins with this package, once for each worker, and needs little of it.
"""
