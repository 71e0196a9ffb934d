"""The command line: `ec`. Everything is imported when it is used, so that `ec --help` answers at once."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ec` with `argv` (default: the program's own arguments) and return its exit code."""
    from expandcontract.cli.entry import run

    if argv is None:
        import gc

        # A tenth of what it takes to begin went into looking for garbage in what stays to the end.
        gc.set_threshold(50_000, *gc.get_threshold()[1:])
    return run(argv)
