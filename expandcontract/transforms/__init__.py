"""Runs a Python function of the user in a process of its own: what it does to that process ends there."""

from expandcontract.transforms.process import Computed, Died, Failed, Made, Transformer, require

__all__ = ["Computed", "Died", "Failed", "Made", "Transformer", "require"]
