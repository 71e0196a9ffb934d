"""A single setting, read without pydantic, which takes longer to import than most programs have to spare."""

import os
from pathlib import Path

from expandcontract.settings.project_file import ProjectFile


def setting(name: str) -> str | None:
    """Return the text of a setting from its EC_* variable or [tool.expandcontract]; None where neither has
    it. Nobody looks whether it is valid: who uses it further reads `Settings`.

    Raises BadSetting for a file that is not TOML.
    """
    found = os.environ.get(f"EC_{name.upper()}") or ProjectFile.find(Path.cwd()).values.get(name)
    return None if found is None else str(found)


def ledger_schema() -> str:
    """Return the schema of the ledger."""
    return setting("ledger_schema") or "expandcontract"
