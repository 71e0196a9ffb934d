"""`alembic upgrade` and `downgrade`, killed wherever they may die: the same command again ends well."""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from expandcontract.model import killpoints
from expandcontract.testing.server import Server
from tests.alembic.catalog import of_the_application, schema
from tests.alembic.project import Project
from tests.conftest import database_of
from tests.rotation import part
from tests.waiting import until

TABLE = """
op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
op.execute("CREATE INDEX ON users (name)")
op.execute("INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 100) g")
"""
START = 'op.ec_start("rename-column", "users.name", "display_name", name="b_rename")'
CONTRACT = 'op.ec_contract("b_rename", soak="0")'
ROLLBACK, UNDO = 'op.ec_rollback("b_rename")', 'op.ec_undo("b_rename")'
#: The commands of a life, with what the table has after each.
LIFE = (
    ("upgrade", "b", {"id", "name", "display_name"}),
    ("upgrade", "c", {"id", "display_name", "~ec_name"}),
    ("downgrade", "b", {"id", "name", "display_name"}),
    ("downgrade", "a", {"id", "name"}),
)


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """Give what gets the points that this process reaches."""
    points = list[str]()
    killpoints.watch(points.append)
    yield points
    killpoints.watch(None)


def renaming(folder: Path, url: str) -> Project:
    """Return a project whose table is there."""
    made = Project(folder, url, "sync")
    made.revision("a", None, TABLE)
    made.upgrade()
    made.revision("b", "a", START, ROLLBACK)
    made.revision("c", "b", CONTRACT, UNDO)
    return made


def ask(project: Project, query: str) -> Sequence[object]:
    """Run a statement of the application; return the first column of its rows."""
    engine = create_engine(project.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        found = connection.execute(text(query))
        answer = list(found.scalars()) if found.returns_rows else []
    engine.dispose()
    return answer


def dies(do: Callable[[], object], point: str) -> None:
    """Fork a child that does it, and is killed when it reaches the point."""

    def watching() -> None:
        killpoints.watch(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == point else None)
        do()

    assert _killed(watching), f"{point} was not reached"


def _killed(do: Callable[[], object]) -> bool:
    """Fork a child that does it; return whether it was killed meanwhile."""
    child = os.fork()
    if child == 0:
        try:
            do()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def live(project: Project, killed: Callable[[str, str], None] | None, watched: list[str]) -> None:
    """Go through the life: before each command `killed` may have a child die in it."""
    for verb, to, columns in LIFE:
        if killed is not None:
            killed(verb, to)
        watched.append(f"-- {verb} {to}")
        project.within(verb, to)
        assert project.at() == to
        query = "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'users'"
        assert set(ask(project, query)) == columns, (verb, to)
        if to == "b":
            ask(project, "UPDATE users SET display_name = 'of new code' WHERE id = 1")


def points_of(watched: list[str]) -> dict[tuple[str, str], list[str]]:
    """Return the points of each command, in order, each once."""
    found, now = dict[tuple[str, str], list[str]](), list[str]()
    for each in watched:
        if each.startswith("-- "):
            _, verb, to = each.split()
            now = found.setdefault((verb, to), [])
        elif each not in now:
            now.append(each)
    return found


def go_on(server: Server, folder: Path, watched: list[str], every: int) -> None:
    """Kill each command of a life at a part of its points, in a life of its own for the n-th of each."""
    with database_of(server, "template0") as url:
        live(renaming(folder / "undisturbed", url), None, watched)
    points = {command: list(part(of, every)) for command, of in points_of(watched).items()}
    for lap in range(max(map(len, points.values()))):
        with database_of(server, "template0") as url:
            project = renaming(folder / f"lap{lap}", url)

            def killed(verb: str, to: str, project: Project = project, lap: int = lap) -> None:
                if lap < len(points[verb, to]):
                    dies(lambda: project.within(verb, to), points[verb, to][lap])

            live(project, killed, watched)
            assert ask(project, "SELECT count(*) FROM users WHERE name IS NULL") == [0]
            assert ask(project, "SELECT name FROM users WHERE id = 1") == ["of new code"]


@pytest.mark.usefixtures("quiet")
@pytest.mark.in_turn(4)
def test_a_killed_command_is_finished_by_the_same_command(
    server: Server, tmp_path: Path, watched: list[str]
) -> None:
    """At some points of each, others in each commit; the slow test below is at all of them."""
    go_on(server, tmp_path, watched, 40)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("quiet")
def test_a_command_may_be_killed_at_every_point(server: Server, tmp_path: Path, watched: list[str]) -> None:
    """Half of them in each commit."""
    go_on(server, tmp_path, watched, 2)


EMPTY = 'op.execute("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")'


@contextmanager
def each_statement(hear: Callable[[int], object]) -> Iterator[None]:
    """Have each statement that Alembic's connection is about to send be heard, by its number."""
    numbers = itertools.count()

    def sent(*_: object) -> None:
        hear(next(numbers))

    event.listen(Engine, "before_cursor_execute", sent)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", sent)


def dies_at(statement: int, do: Callable[[], object]) -> None:
    """Fork a child that does it, and is killed at a statement of Alembic's connection."""

    def die(number: int) -> None:
        if number == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def watching() -> None:
        with each_statement(die):
            do()

    assert _killed(watching), f"there are fewer than {statement} statements"


def statements(do: Callable[[], object]) -> int:
    """Do it; return of how many statements."""
    heard = list[int]()
    with each_statement(heard.append):
        do()
    return len(heard)


def is_alone(project: Project) -> bool:
    """Whether the server has noticed that a client of the database is gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = "
    return ask(project, f"{query}'client backend'") == [1]


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("each", [True, False], ids=["a transaction each", "one transaction"])
def test_on_empty_tables_a_killed_command_leaves_a_revision_whole(
    tmp_path: Path, empty_database: str, *, each: bool
) -> None:
    """At each statement: the tables and the change are those of the revision that the database is at, nothing
    of the next one is there, and the same command goes on, up as well as down.
    """
    project = Project(tmp_path, empty_database, "sync")
    project.env(configure=f"transaction_per_migration={each}")
    project.revision("a", None, EMPTY, 'op.execute("DROP TABLE users")')
    project.revision("b", "a", START, ROLLBACK)
    project.revision("c", "b", CONTRACT, UNDO)

    def now() -> tuple[list[str], Sequence[object]]:
        state = "SELECT state FROM expandcontract.change WHERE state <> 'rolled_back'"
        known = ask(project, "SELECT to_regnamespace('expandcontract') IS NOT NULL") == [True]
        return of_the_application(schema(empty_database)), ask(project, state) if known else []

    whole = {"": now()}
    for revision in ("a", "b", "c"):
        project.upgrade(revision)
        whole[revision] = now()
    lengths = {"downgrade": statements(project.downgrade), "upgrade": statements(project.upgrade)}
    assert min(lengths.values()) > 20
    numbers = part(range(max(lengths.values())), 24)
    for number in numbers:
        for verb, to in (("downgrade", "base"), ("upgrade", "head")):
            if number < lengths[verb]:
                dies_at(number, partial(project.within, verb, to))
                asyncio.run(until(lambda: is_alone(project)))
                assert now() == whole[project.at()], (verb, number)
            project.within(verb, to)
            assert now() == whole["c" if verb == "upgrade" else ""], (verb, number)
