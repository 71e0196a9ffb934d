import os
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_what_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages that docs/generate.py writes are what it would write now."""
    monkeypatch.setenv("COLUMNS", "80")
    if os.environ.get("EC_UPDATE_GOLDEN") == "1":
        runpy.run_path(str(DOCS / "generate.py"), run_name="__main__")
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    folder = DOCS / "reference"
    kept = {name: (folder / name).read_text() for name in pages if (folder / name).exists()}
    assert kept == pages
    assert {str(path.relative_to(folder)) for path in folder.glob("schemas/*")} <= set(pages)
