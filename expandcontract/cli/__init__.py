"""The command line: `ec`. Everything is imported when it is used, so that `ec --help` answers at once."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ec` with `argv` (default: the program's own arguments) and return its exit code."""
    from expandcontract.cli.entry import run

    return run(argv)
