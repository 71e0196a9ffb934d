"""What `ec fleet` costs on many databases of one server: `python bench/fleet.py [--databases 100]`.

It writes the block `fleet` of docs/benchmarks.md, and starts a server of its own; a database takes 10 MB.
"""

from instrument import fleets, script


def main() -> None:
    """Read the arguments and run."""
    made = script.parser(__doc__)
    made.add_argument("--databases", type=int, default=100, help="small ones")
    made.add_argument("--roles", type=int, default=10, help="each database is a target for each of them")
    made.add_argument("--schemas", type=int, default=1000, help="of one database, each a target")
    made.add_argument("--runs", type=int, default=5, help="of each command")
    script.run({"fleet": fleets.run}, made, in_memory={"fleet"})


if __name__ == "__main__":
    main()
