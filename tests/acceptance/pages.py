"""Runs the commands of a page of the documentation."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from expandcontract.testing.server import Server

_PAGES = Path(__file__).parents[2] / "docs" / "how-to"
#: Blocks without a language are for the shell, unless they show what was said.
_BLOCK = re.compile(r"^```\n(?!ok )(.*?)^```", re.MULTILINE | re.DOTALL)


def run_page(
    page: str, instead: Mapping[str, str], variables: Mapping[str, str], server: Server, folder: Path
) -> str:
    """Run all commands of a page in one shell, which ends with the first that fails; return what they said.

    Args:
        page: its file in docs/how-to.
        instead: what stands in the page, and what is run for it.
        variables: added to the environment.
        server: whose psql is used.
        folder: where they run.
    """
    script = "\n".join(_BLOCK.findall((_PAGES / page).read_text()))
    for theirs, ours in instead.items():
        assert theirs in script, f"{page} has no {theirs!r}"
        script = script.replace(theirs, ours)
    path = os.pathsep.join(
        (str(Path(sys.executable).parent), str(server.bin("psql").parent), os.environ["PATH"])
    )
    found = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PGUSER": "postgres", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
