"""A life of a change within Alembic, small enough for every environment: `python life.py FOLDER URL OPTIONS`.

It runs without pytest, on whatever versions are installed there.
"""

import argparse
import asyncio
import os
from pathlib import Path

import asyncpg

from tests.alembic.project import DRIVERS, Project


def main() -> None:
    """Go up, stop before contract, contract, go down, and up again."""
    told = _told()
    project = Project(told.folder, told.url, told.form)
    project.url = told.url.replace("postgresql", f"postgresql+{told.driver}", 1)
    configure = f"transaction_per_migration={told.each}"
    project.env(opens=told.opens, configure=configure)
    _revisions(project)
    project.upgrade("a")  # where the environment has begun a transaction, a change needs a run of its own
    project.upgrade()
    _require(project, told.url, at="b", columns={"id", "name", "display_name"})
    os.environ["EC_QUIET_FOR"] = "0s"  # nobody uses the table, and nobody waits for it
    project.upgrade()
    _require(project, told.url, at="c", columns={"id", "display_name", "~ec_name"})
    project.downgrade("b")
    _require(project, told.url, at="b", columns={"id", "name", "display_name"})
    project.downgrade("a")
    _require(project, told.url, at="a", columns={"id", "name"})
    project.upgrade()
    _require(project, told.url, at="b", columns={"id", "name", "display_name"})
    print("lived")  # noqa: T201 - what the test waits for


def _told() -> argparse.Namespace:
    made = argparse.ArgumentParser()
    made.add_argument("folder", type=Path)
    made.add_argument("url")
    made.add_argument("--form", choices=DRIVERS, required=True)
    made.add_argument("--opens", choices=("connect", "begin"), required=True)
    made.add_argument("--driver", choices=("asyncpg", "psycopg"), required=True)
    made.add_argument("--each", action="store_true", help="transaction_per_migration")
    return made.parse_args()


def _revisions(project: Project) -> None:
    project.revision(
        "a",
        None,
        """
        op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
        op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
        """,
        'op.execute("DROP TABLE users")',
    )
    rename = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
    project.revision("b", "a", rename, 'op.ec_rollback("b_rename")')
    project.revision("c", "b", 'op.ec_contract("b_rename", soak="1us")', 'op.ec_undo("b_rename")')


def _require(project: Project, url: str, *, at: str, columns: set[str]) -> None:
    assert project.within("current").split() in ([at], [at, "(head)"]), project.within("current")
    found = asyncio.run(_columns(url))
    assert found == columns, found


async def _columns(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 "
            "AND NOT attisdropped"
        )
    finally:
        await connection.close()
    return {row[0] for row in rows}


if __name__ == "__main__":
    main()
