"""`ec doctor`."""
