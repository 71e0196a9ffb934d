"""`ec fleet status` on many small databases, and on many schemas of one."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import asyncpg

from expandcontract.ledger.migrate import migrate
from expandcontract.postgres.connect import Database
from expandcontract.testing.server import Server
from instrument import machine, page
from instrument.script import say

HEAD = ("targets", "command", "wall time, median", "slowest", "processor time, client", "server")
CHANGE = "0001_rename_users_email"
TABLE = "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL); INSERT INTO users VALUES (1, 'a')"
#: The schemas in which it is begun.
BEGUN = [word for at in range(20) for word in ("--target", f"all/tenant_{at}")]
TEMPLATE, TENANTS = "fleet_template", "fleet_tenants"


async def run(server: Server, told: Namespace) -> str:
    """Make the databases once, and run each command on them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "phases").mkdir()
        databases = await _databases(server, told.databases, told.roles, folder)
        schemas = await _schemas(server, told.schemas, folder)
        rows = [
            _measured(server, folder, told.runs, label, *words)
            for label, words in (
                (f"{told.databases * told.roles:,} databases", (databases, "status", CHANGE)),
                (f"{told.schemas:,} schemas of a database", (schemas, "status", CHANGE)),
            )
        ]
    explained = (
        "Each database has a ledger and the same change, ready; there are "
        f"{told.databases}, each asked by {told.roles} roles. A run is a process: the start of Python, the "
        "inventory, a new connection to each target (one in all, where they are schemas), and the answer in "
        "JSON. Client and server share the cores of this machine; those of a fleet's databases are elsewhere."
    )
    return f"{page.table(HEAD, rows)}\n\n{explained}"


async def _databases(server: Server, number: int, roles: int, folder: Path) -> Path:
    """Make copies of one database in which the change is ready; return their inventory, each once for each of
    so many roles: a target costs a connection, whoever else has one.
    """
    await _execute(server.url(), f"CREATE DATABASE {TEMPLATE}")
    await _ledger(server.url(TEMPLATE))
    await _execute(server.url(TEMPLATE), TABLE)
    (folder / "one.toml").write_text(_inventory([("one", server.url(TEMPLATE))]))
    _ec(folder, folder / "one.toml", "plan", "rename-column", "users.email", "contact")
    _ec(folder, folder / "one.toml", "run", CHANGE)
    for role in range(roles):
        await _execute(server.url(), f"CREATE ROLE fleet_{role} SUPERUSER LOGIN")
    targets = []
    for at in range(number):
        name = f"fleet_{at}"
        await _execute(server.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        targets += [(f"{name} by {role}", server.socket_url(name, f"fleet_{role}")) for role in range(roles)]
    path = folder / "databases.toml"
    path.write_text(_inventory(targets))
    return path


async def _schemas(server: Server, number: int, folder: Path) -> Path:
    """Make a database of so many schemas, in which the change is begun for some; return its inventory."""
    await _execute(server.url(), f"CREATE DATABASE {TENANTS}")
    url = server.url(TENANTS)
    await _ledger(url)
    for at in range(number):
        await _execute(url, f"CREATE SCHEMA tenant_{at}; SET search_path = tenant_{at}; {TABLE}")
    found = "\n[[discover]]\nschemas = \"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tenant%'\"\n"
    path = folder / "schemas.toml"
    path.write_text(_inventory([("all", url)]) + found)
    _ec(folder, path, "run", CHANGE, "--unseen", *BEGUN)
    return path


def _inventory(targets: Sequence[tuple[str, str]]) -> str:
    entries = (f"[[targets]]\nname = {json.dumps(name)}\nurl = {json.dumps(url)}\n" for name, url in targets)
    return "\n".join(['schema = "ec.fleet/1"', *entries])


def _measured(
    server: Server, folder: Path, runs: int, label: str, inventory: Path, *words: str
) -> tuple[str, ...]:
    walls, clients, servers = [], [], []
    for _ in range(runs):
        cpu, children = machine.cpu_seconds(server) or 0.0, _children()
        began = time.perf_counter()
        _ec(folder, inventory, *words)
        walls.append(time.perf_counter() - began)
        clients.append(_children() - children)
        servers.append((machine.cpu_seconds(server) or 0.0) - cpu)
    seconds = (median(walls), max(walls), median(clients), median(servers))
    row = (label, f"`ec fleet {words[0]}`", *(f"{each:.2f} s" for each in seconds))
    say(" | ".join(row))
    return row


def _children() -> float:
    """Return the processor time of the processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ec(folder: Path, inventory: Path, *words: str) -> None:
    command = [sys.executable, "-m", "expandcontract", "fleet", *words, "--json", "--fleet", str(inventory)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


async def _ledger(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
