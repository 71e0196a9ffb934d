"""Rename a column of pgbench's accounts under pgbench's own load, and print what its transactions felt.

    python bench/pgbench.py [--scale 10]

It writes the block `pgbench` of docs/benchmarks.md, and starts a server of its own.
"""

from instrument import renaming, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--scale", type=int, default=10, help="of pgbench: 100,000 accounts each")
    made.add_argument("--alone", type=float, default=15.0, help="seconds in which pgbench is alone")
    script.run({"pgbench": renaming.run}, made)


if __name__ == "__main__":
    main()
