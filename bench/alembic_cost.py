"""What Alembic's commands cost more with `ec` than without: `python bench/alembic_cost.py [--runs 9]`.

It writes the block `alembic` of docs/benchmarks.md, and starts a server of its own.
"""

from instrument import alembic_runs, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--runs", type=int, default=9, help="of each command, with ec and without in turn")
    script.run({"alembic": alembic_runs.run}, made)


if __name__ == "__main__":
    main()
