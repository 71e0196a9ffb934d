"""Scripts of sections: each prints its tables, and writes them into its block of the page."""

import argparse
import asyncio
import time
from collections.abc import Callable, Container, Coroutine, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from expandcontract.testing.server import Server
from instrument import machine, page

Section: TypeAlias = Callable[[Server, argparse.Namespace], Coroutine[None, None, str]]

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def parser(purpose: str | None) -> argparse.ArgumentParser:
    """Return what every script understands."""
    made = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--version", type=int, default=18, help="of PostgreSQL")
    made.add_argument("--page", type=Path, default=PAGE, help="where the results are written")
    return made


def run(
    sections: Mapping[str, Section], made: argparse.ArgumentParser, *, in_memory: Container[str] = ()
) -> None:
    """Run the sections that were asked for, or all.

    Those `in_memory` measure what a disk that others use as well would drown: their server has none.
    """
    made.add_argument("--only", action="append", choices=sections, help="sections to run; all when left out")
    made.add_argument("--disk", action="store_true", help="no section's server has its files in memory")
    told = made.parse_args()
    began = time.monotonic()
    chosen = [
        (name, None if told.disk or name not in in_memory else machine.memory())
        for name in told.only or sections
    ]
    for below, names in groupby(chosen, key=itemgetter(1)):
        with Server.start(told.version, machine.SETTINGS, below=below) as server:
            for name, _ in names:
                _section(name, sections[name], server, told)
    say(f"All of it took {_spell(time.monotonic() - began)}.")


def say(text: str) -> None:
    """Show at once."""
    print(text, flush=True)


def _section(name: str, section: Section, server: Server, told: argparse.Namespace) -> None:
    began = time.monotonic()
    say(f"== {name}")
    body = asyncio.run(section(server, told))
    took = _spell(time.monotonic() - began)
    body = f"{body}\n\n{machine.describe(server)} It took {took}."
    say(f"\n{body}\n")
    told.page.write_text(page.replaced(told.page.read_text(), name, body))


def _spell(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - two minutes
