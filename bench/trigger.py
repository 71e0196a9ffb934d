"""What the sync trigger costs the application: each write by itself, and pgbench's throughput.

    python bench/trigger.py [--only throughput] [--rows 300000]

Each section writes its block of docs/benchmarks.md. It starts a server of its own.
"""

from instrument import script, throughput, writes

SECTIONS = {"trigger": writes.run, "throughput": throughput.run}


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--rows", type=int, default=300_000, help="that are written each time")
    throughput.options(made)
    script.run(SECTIONS, made)


if __name__ == "__main__":
    main()
