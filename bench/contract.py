"""For how long hide and undo stop the application: `python bench/contract.py [--rows 10000000]`.

And what renames that copy nothing cost, `--only instant`, and a table of many partitions, `--only
partitions`. It writes its blocks of docs/benchmarks.md, of the same names, and starts servers of its own.
"""

from instrument import hiding, instant, partitioned, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--rows", type=int, default=10_000_000)
    made.add_argument("--repeat", type=int, default=5, help="times to and fro")
    made.add_argument("--probes", type=int, default=4, help="sessions that read the table all the time")
    made.add_argument("--partitions", type=int, default=1_200, help="of the table that has many")
    script.run({"contract": hiding.run, "instant": instant.run, "partitions": partitioned.run}, made)


if __name__ == "__main__":
    main()
