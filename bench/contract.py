"""For how long hide and undo stop the application: `python bench/contract.py [--rows 10000000]`.

And what renames that copy nothing cost: `--only instant`. It writes the blocks `contract` and `instant` of
docs/benchmarks.md, and starts a server of its own.
"""

from instrument import hiding, instant, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--rows", type=int, default=10_000_000)
    made.add_argument("--repeat", type=int, default=5, help="times to and fro")
    made.add_argument("--probes", type=int, default=4, help="sessions that read the table all the time")
    script.run({"contract": hiding.run, "instant": instant.run}, made)


if __name__ == "__main__":
    main()
