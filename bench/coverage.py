"""Which share of a history of migrations `ec` can carry: of operations by kind, and of whole migrations.

    python bench/coverage.py myproject/migrations another/db/migrate [--json]

Reads versions of Alembic, migrations of Django and Rails, and plain SQL, each file by what it is. Nothing is
run, and no server is asked.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from instrument import histories, operations


def main() -> None:
    """Read the arguments, and print the table."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("paths", nargs="+", type=Path, help="folders of migrations, or single files")
    made.add_argument("--json", action="store_true", help="numbers for a program")
    told = made.parse_args()
    missing = [str(path) for path in told.paths if not path.exists()]
    if missing:
        sys.exit(f"{', '.join(missing)}: no such file or folder")
    found = operations.measure(histories.read(told.paths))
    print(json.dumps(asdict(found), indent=1) if told.json else "\n".join(operations.table(found)))


if __name__ == "__main__":
    main()
