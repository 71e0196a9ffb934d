"""One change over many databases: which they are, in which order, and what they answered.

There is no state of a fleet: every database has its ledger, and what is done is read from there.
"""
