"""Alembic's commands with `ec` and without, in turn, in one process: what they cost more."""

import asyncio
import io
import logging
import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Engine

from expandcontract.ledger.migrate import migrate
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from instrument import machine, page
from instrument.script import say

HEAD = ("run", "statements", "wall time", "processor time, client", "processor time, server")
#: Changes that are over, and that are open.
OVER, OPEN = 20, 50
PENDING, OPERATIONS = 100, 20
BEGUN = "It has begun."
#: Two revisions of ours are judged beside two that do nothing.
NOTHING = ("pass", "pass")

ENV = """
import os
from alembic import context
from sqlalchemy import MetaData, create_engine, pool
import expandcontract.alembic as ec

with create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool).connect() as connection:
    ours = ec.options(connection) if os.environ["WITH_EC"] else {}
    context.configure(connection=connection, target_metadata=MetaData(), **ours)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op

revision, down_revision = {revision!r}, {below!r}


def upgrade():
    {up}


def downgrade():
    raise NotImplementedError
"""
TABLE = 'op.execute("CREATE TABLE {name} (id int PRIMARY KEY, name text NOT NULL)")'
START = 'op.ec_start("rename-column", "{table}.name", "display_name", name="{change}")'
CONTRACT = 'op.ec_contract("{change}")'


@dataclass(frozen=True)
class Cost:
    """Statements on Alembic's connection, and seconds: of the wall, of this process, of the server."""

    statements: float
    wall: float
    client: float
    server: float

    def less(self, other: "Cost") -> "Cost":
        """Return what is more than in the other."""
        return Cost(
            self.statements - other.statements,
            self.wall - other.wall,
            self.client - other.client,
            self.server - other.server,
        )

    def cells(self) -> tuple[str, ...]:
        """Return it for a table."""
        return f"{self.statements:+.0f}", *(f"{1000 * each:+.0f} ms" for each in self._seconds())

    def _seconds(self) -> tuple[float, ...]:
        return self.wall, self.client, self.server


class Project:
    """Revisions in a folder, each below the next, and a database."""

    def __init__(self, folder: Path, server: Server, database: str) -> None:
        self.folder, self.server, self.database = folder, server, database
        (folder / "versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
        (folder / "env.py").write_text(ENV)
        self._below: str | None = None

    def revision(self, name: str, up: str) -> None:
        """Put one above the last."""
        text = REVISION.format(revision=name, below=self._below, up=up)
        (self.folder / "versions" / f"{name}.py").write_text(text)
        self._below = name

    def run(self, verb: str, *arguments: str, ours: bool = True) -> None:
        """Run a command of Alembic's in this process."""
        os.environ["DATABASE_URL"] = self.server.url(self.database).replace(
            "postgresql", "postgresql+psycopg", 1
        )
        os.environ["WITH_EC"] = "yes" if ours else ""
        out = io.StringIO()
        with redirect_stdout(out):
            try:
                getattr(command, verb)(Config(str(self.folder / "alembic.ini"), stdout=out), *arguments)
            except CommandError as error:
                # `check` misses the models, which there are none of, and one revision ends its run.
                if verb != "check" and BEGUN not in str(error):
                    raise


async def run(server: Server, told: Namespace) -> str:
    """Run everything in a thread: Alembic has loops of its own."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        rows = await asyncio.to_thread(lambda: list(_rows(server, told, Path(folder))))
    return f"{page.table(HEAD, rows)}\n\n{_explained(told)}"


def _rows(server: Server, told: Namespace, folder: Path) -> Iterator[tuple[str, ...]]:
    _execute(server, "postgres", "CREATE DATABASE bare")
    for number, contents in enumerate((_ledger, _over, _open)):
        _execute(server, "postgres", f"CREATE DATABASE kept{number}")
        contents(server, folder / f"kept{number}", f"kept{number}")
    for row in (
        _empty_table(server, told, folder),
        _pending(server, told, folder),
        *_nothing_pending(server, told, folder),
    ):
        say(" | ".join(row))
        yield row


def _empty_table(server: Server, told: Namespace, folder: Path) -> tuple[str, ...]:
    """A table without a row, a change of it, and its contract."""
    found: dict[bool, list[Cost]] = {True: [], False: []}
    for number in range(told.runs + 1):
        for ours in (True, False):
            name = f"empty{number}{'ours' if ours else 'plain'}"
            _execute(server, "postgres", f"CREATE DATABASE {name} TEMPLATE kept0")
            project = Project(folder / name, server, name)
            project.revision("a", TABLE.format(name="users"))
            project.run("upgrade", "a")
            both = (START.format(table="users", change="b_it"), CONTRACT.format(change="b_it"))
            for revision, up in zip("bc", both if ours else NOTHING, strict=True):
                project.revision(revision, up)
            cost = _cost(server, partial(project.run, "upgrade", "head"))
            if number:  # the first one imports
                found[ours].append(cost)
    more = _middle(found[True]).less(_middle(found[False]))
    return "a table without a row: `ec_start` and `ec_contract`", *more.cells()


def _nothing_pending(server: Server, told: Namespace, folder: Path) -> Iterator[tuple[str, ...]]:
    for database, what in (
        ("bare", "no ledger"),
        ("kept0", "a ledger without a change"),
        ("kept1", f"{OVER} changes that are over"),
        ("kept2", f"{OPEN} open changes"),
    ):
        project = Project(folder / f"nothing_{database}", server, database)
        for revision in _revisions(folder / database) or ["only"]:
            project.revision(revision, "pass")
        project.run("upgrade", "head")
        for verb, arguments in (("upgrade", ("head",)), ("check", ())):
            found: dict[bool, list[Cost]] = {True: [], False: []}
            for number in range(2 * told.runs + 1):
                for ours in (True, False):
                    cost = _cost(server, partial(project.run, verb, *arguments, ours=ours))
                    if number:
                        found[ours].append(cost)
            yield f"{what}: `{verb}`", *_middle(found[True]).less(_middle(found[False])).cells()


def _pending(server: Server, told: Namespace, folder: Path) -> tuple[str, ...]:
    """All that happens before the first step of a run with many."""
    found = []
    for number in range(told.runs + 1):
        name = f"pending{number}"
        _execute(server, "postgres", f"CREATE DATABASE {name} TEMPLATE kept0")
        project = Project(folder / name, server, name)
        # It ends the run as soon as it begins.
        project.revision("r000", f'raise __import__("alembic.util").util.CommandError("{BEGUN}")')
        for place in range(1, PENDING):
            ours = place % (PENDING // OPERATIONS) == 0
            up = START.format(table=f"t{place}", change=f"r{place:03}_it") if ours else "pass"
            project.revision(f"r{place:03}", up)
        cost = [_cost(server, partial(project.run, "upgrade", "head", ours=ours)) for ours in (True, False)]
        if number:
            found.append(cost[0].less(cost[1]))
    return f"{PENDING} pending revisions, {OPERATIONS} of them ours: until the first step", *_middle(
        found
    ).cells()


def _ledger(server: Server, folder: Path, database: str) -> None:
    del folder

    async def made() -> None:
        kept = Database(server.url(database))
        await migrate(kept)
        await kept.close()

    asyncio.run(made())


def _over(server: Server, folder: Path, database: str) -> None:
    _changes(server, folder, database, OVER, contracted=True)


def _open(server: Server, folder: Path, database: str) -> None:
    _changes(server, folder, database, OPEN, contracted=False)


def _changes(server: Server, folder: Path, database: str, many: int, *, contracted: bool) -> None:
    """Make changes of as many tables."""
    project = Project(folder, server, database)
    for number in range(many):
        names = {"table": f"t{number}", "change": f"b{number}_it"}
        project.revision(f"a{number}", TABLE.format(name=names["table"]))
        project.revision(f"b{number}", START.format(**names))
        if contracted:
            project.revision(f"c{number}", CONTRACT.format(**names))
    project.run("upgrade", "head")


def _revisions(folder: Path) -> Sequence[str]:
    """Return the revisions of a project, in order."""
    names = [file.stem for file in (folder / "versions").glob("*.py")]
    return sorted(names, key=lambda name: (int(name[1:]), name))


def _cost(server: Server, work: Callable[[], None]) -> Cost:
    with _counted() as statements:
        before = machine.cpu_seconds(server) or 0.0
        wall, client = time.perf_counter(), time.process_time()
        work()
        wall, client = time.perf_counter() - wall, time.process_time() - client
        return Cost(len(statements), wall, client, (machine.cpu_seconds(server) or 0.0) - before)


@contextmanager
def _counted() -> Iterator[list[str]]:
    sent = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _middle(costs: Sequence[Cost]) -> Cost:
    """Return the median of each; of ticks of a clock that is coarse, the mean."""
    return Cost(
        median(each.statements for each in costs),
        median(each.wall for each in costs),
        median(each.client for each in costs),
        sum(each.server for each in costs) / len(costs),
    )


def _execute(server: Server, database: str, statement: str) -> None:
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        connection.execute(statement)


def _explained(told: Namespace) -> str:
    return (
        "What Alembic's commands cost more with `ec.options()` in env.py than without it, in one process "
        f"that has imported everything; medians of {told.runs} runs or more, in turn. The first row is "
        "beside two revisions that do nothing; from the third row on nothing is pending. The driver is "
        "psycopg."
    )
