"""What keeps the two sides of a pair in sync: one definition of `same` and `in sync`, and the triggers made
from it.
"""
