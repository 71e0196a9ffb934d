"""The kinds of change: one file each, named as on the command line."""
