"""Runs a Python function of the user in a process of its own: what it does to that process ends there."""

from expandcontract.transforms.process import Died, Failed, Made, Outcome, Transformer, require

__all__ = ["Died", "Failed", "Made", "Outcome", "Transformer", "require"]
