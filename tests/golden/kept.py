"""Compares what people read with kept files. `EC_UPDATE_GOLDEN=1` writes them anew, to be reviewed in git."""

import os
from pathlib import Path

HERE = Path(__file__).parent


def same(name: str, text: str) -> None:
    """Assert that `text` is what the file keeps."""
    path = HERE / name
    if os.environ.get("EC_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n")
    assert path.exists(), f"{path} is missing; EC_UPDATE_GOLDEN=1 writes it"
    assert text.rstrip("\n") + "\n" == path.read_text()
