"""What monitoring is told of changes: the series that there are, read from the ledger whoever works.

It needs prometheus-client, which the extra `metrics` installs.
"""
