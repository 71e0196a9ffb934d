"""`ec status`."""

from expandcontract.engine.situation import load, one

__all__ = ["load", "one"]
