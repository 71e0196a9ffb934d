"""A pair of columns on one table, as a part of a change."""
