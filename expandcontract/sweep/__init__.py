"""Walks the heap blocks of a table's leaves, to copy or to compare rows: what it does is model.step.Sweep."""

from expandcontract.sweep.job import Job, SweepOptions, SweepOutcome
from expandcontract.sweep.walk import lay, walk

__all__ = ["Job", "SweepOptions", "SweepOutcome", "lay", "walk"]
