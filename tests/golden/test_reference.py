import os
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_what_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page of docs/reference/ is what docs/generate.py writes, and there is no other."""
    monkeypatch.setenv("COLUMNS", "80")
    if os.environ.get("EC_UPDATE_GOLDEN") == "1":
        runpy.run_path(str(DOCS / "generate.py"), run_name="__main__")
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    folder = DOCS / "reference"
    kept = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert kept == pages
