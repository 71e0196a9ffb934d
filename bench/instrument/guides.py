"""What an application feels of `alembic upgrade head`: the ways of the usual guides, and those of `ec`."""

import asyncio
import os
import random
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from expandcontract.testing.server import Server
from instrument import page
from instrument.copies import session
from instrument.script import say
from instrument.ways import WAYS, Way

KEPT, DATABASE = "kept", "guides"
NAME = "b_guides"
TABLE = """
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL, email text, visits int NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT now());
INSERT INTO users (name, email)
SELECT 'user number ' || g, 'u' || g || '@example.com' FROM generate_series(1, {rows}::bigint) g;
ALTER TABLE users ADD PRIMARY KEY (id)"""
#: For this long the old application goes on after the migration, as it does in a deploy.
AFTER_SECONDS = 2.0
HEAD = ("what", "how", "wall time", "longest wait of the application", "statements", "failed")

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool
import expandcontract.alembic as ec

with create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=None, **ec.options(connection))
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = {revision!r}, {below!r}


def upgrade():
{body}


def downgrade():
    raise NotImplementedError
"""


class MigrationFailedError(Exception):
    """`alembic upgrade head` did not end with 0."""


@dataclass
class Felt:
    """What the old application had of its statements: how many, the longest in seconds, and what failed."""

    statements: int = 0
    longest: float = 0.0
    failures: list[str] = field(default_factory=list)


async def run(server: Server, told: Namespace) -> str:
    """Go each way, on a copy of the same table."""
    async with session(server.url()) as admin:
        await admin.execute(f"CREATE DATABASE {KEPT}")
    async with session(server.url(KEPT)) as raw:
        await raw.execute(TABLE.format(rows=told.rows))
        await raw.execute("VACUUM (FREEZE, ANALYZE) users")
    rows = []
    for way in WAYS:
        took, felt = await _gone(server, told, way)
        wait, failed = page.millis(felt.longest), page.count(len(felt.failures))
        rows.append([way.what, way.how, f"{took:.1f} s", wait, page.count(felt.statements), failed])
        say(f"{way.what}, {way.how}: {took:.1f} s, longest wait {wait}, {failed} failed")
        for failure in sorted(set(felt.failures)):
            say(f"    {failure}")
    return f"{page.table(HEAD, rows)}\n\n{_explained(told)}"


async def _gone(server: Server, told: Namespace, way: Way) -> tuple[float, Felt]:
    """Return how long a way took, in seconds, and what was felt of it."""
    async with session(server.url()) as admin:
        await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {KEPT}")
        await admin.execute("CHECKPOINT")
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), way)
        async with _at_work(server.url(DATABASE), told) as felt:
            began = time.monotonic()
            await _upgraded(server, Path(folder))
            if way.contracts:
                await _upgraded(server, Path(folder))
            took = time.monotonic() - began
            await asyncio.sleep(AFTER_SECONDS)
    return took, felt


def _write(folder: Path, way: Way) -> None:
    (folder / "versions").mkdir()
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
    (folder / "env.py").write_text(ENV)
    bodies = {"b": way.body.replace("{name}", NAME)}
    if way.contracts:
        bodies["c"] = f'op.ec_contract("{NAME}", soak="1us")'
    below: str | None = None
    for revision, body in bodies.items():
        text = REVISION.format(revision=revision, below=below, body=_indented(body))
        (folder / "versions" / f"{revision}.py").write_text(text)
        below = revision


def _indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.strip().splitlines())


async def _upgraded(server: Server, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "alembic", "-c", str(folder / "alembic.ini"), "upgrade", "head",
        cwd=folder,
        env=_environment(server.url(DATABASE)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode(errors="replace")
    if process.returncode:
        raise MigrationFailedError(said)


def _environment(url: str) -> Mapping[str, str]:
    # Who is still old is known here, and nothing of it is waited for.
    address = url.replace("postgresql", "postgresql+psycopg", 1)
    return {**os.environ, "DATABASE_URL": address, "EC_QUIET_FOR": "0s"}


@asynccontextmanager
async def _at_work(url: str, told: Namespace) -> AsyncIterator[Felt]:
    """Let the old application work while the body runs; whatever it sent is answered at the end."""
    felt, done = Felt(), asyncio.Event()
    working = [asyncio.create_task(_work(url, told.rows, felt, done)) for _ in range(told.clients)]
    try:
        yield felt
    finally:
        done.set()
        await asyncio.gather(*working)


async def _work(url: str, rows: int, felt: Felt, done: asyncio.Event) -> None:
    statements = {
        "SELECT name, email, visits FROM users WHERE id = $1": lambda: (random.randint(1, rows),),
        "UPDATE users SET visits = visits + 1, name = $2 WHERE id = $1": lambda: (
            random.randint(1, rows),
            f"renamed {random.random()}",
        ),
        "INSERT INTO users (name, email) VALUES ($1, $2)": lambda: ("somebody new", "new@example.com"),
    }
    async with session(url) as raw:
        while not done.is_set():
            for statement, values in statements.items():
                began = time.perf_counter()
                try:
                    await raw.execute(statement, *values())
                except asyncpg.PostgresError as error:
                    felt.failures.append(f"{error.sqlstate} {error}".splitlines()[0])
                felt.longest = max(felt.longest, time.perf_counter() - began)
                felt.statements += 1
                await asyncio.sleep(0.005)


def _explained(told: Namespace) -> str:
    return (
        f"{told.rows:,} rows. {told.clients} sessions of the old application read, update and insert single "
        "rows all the time, with pauses of 5 ms, until two seconds after the migration. Wall time is that of "
        "`alembic upgrade head`, twice where a second revision contracts. What fails after the guides' new "
        "name is every row that old code inserts: it does not know the column that is NOT NULL now."
    )
