"""Building blocks of plans: each returns statements or steps for the names it is given. Nothing here talks to
a server.
"""
