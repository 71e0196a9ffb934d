"""From the inventory to its targets: what is listed, what a registry names, which schemas a database has."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy.exc import DBAPIError

from expandcontract.engine.context import Context
from expandcontract.fleet.inventory import Discover, Inventory, Listed, row
from expandcontract.fleet.opening import Open
from expandcontract.fleet.target import Target, listed, schema_of
from expandcontract.model.errors import BadFleetFile
from expandcontract.postgres.query import rows
from expandcontract.postgres.settings import own_path
from expandcontract.postgres.sqlstate import translate

#: So many databases are asked for their schemas at once.
AT_ONCE = 16
#: The fields of a target, by which alone a registry's columns are read.
_JSON = ("labels",)

Rows = Sequence[Mapping[str, Any]]


async def resolve(inventory: Inventory, open_: Open) -> tuple[Target, ...]:
    """Return every target of the inventory, by name.

    Raises BadFleetFile for what does not fit, and for a name that is there twice; what connecting raises.
    """
    found = [
        listed(entry, inventory.defaults, f"targets[{at}]") for at, entry in enumerate(inventory.targets)
    ]
    for at, each in enumerate(inventory.discover):
        where = f"discover[{at}]"
        if each.query is not None:
            found += await _named(each, inventory, open_, where)
        else:
            found = await _schemas(each, found, open_, where)
    return _once(found)


async def _named(discover: Discover, inventory: Inventory, open_: Open, where: str) -> list[Target]:
    """Ask the registry."""
    assert discover.from_ is not None and discover.query is not None  # noqa: S101, PT018 - so the file was read
    registry = listed(Listed(name=f"the registry of {where}", url=discover.from_), inventory.defaults, where)
    asked = await _ask(open_, registry, discover.query, where)
    entries = [row(_fields(each), where) for each in asked]
    return [listed(entry, inventory.defaults, where, discover.labels) for entry in entries]


def _fields(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as an entry: labels may be JSON in a text, a column may be NULL."""
    fields = {name: value for name, value in found.items() if value is not None}
    for name in _JSON:
        if isinstance(fields.get(name), str):
            try:
                fields[name] = json.loads(fields[name])
            except ValueError:
                continue  # what it is instead is said where it is read
    return fields


async def _schemas(discover: Discover, known: list[Target], open_: Open, where: str) -> list[Target]:
    """Ask the targets that are meant for their schemas, which stand in their place."""
    meant = [each for each in known if discover.in_ is None or discover.in_.fits(each.labels)]
    if not meant:
        raise BadFleetFile(f"{where}: no target is meant by in = {discover.in_}.", next="ec fleet targets")
    limit = asyncio.Semaphore(AT_ONCE)

    async def asked(target: Target) -> list[Target]:
        async with limit:
            found = await _ask(open_, target, discover.schemas or "", where)
        names = [str(next(iter(each.values()))) for each in found if each]
        return [schema_of(target, name, discover.labels) for name in names]

    made = await asyncio.gather(*map(asked, meant))
    return [*(each for each in known if each not in meant), *(each for found in made for each in found)]


async def _ask(open_: Open, target: Target, query: str, where: str) -> Rows:
    """Return the rows of a query of the inventory; it can change nothing."""
    async with open_(target) as context:
        return await _rows(context, query, where)


async def _rows(context: Context, query: str, where: str) -> Rows:
    text = f"SELECT pg_catalog.to_json(r)::pg_catalog.text FROM ({query.strip().rstrip(';')}\n) r"
    try:
        async with context.database.transaction() as conn:
            await rows(conn, "SELECT pg_catalog.set_config('transaction_read_only', 'on', true)")
            await rows(conn, own_path())
            return [json.loads(found) for (found,) in await rows(conn, text)]
    except DBAPIError as error:
        told = translate(error)
        raise BadFleetFile(f"{where}: its query failed: {told.message}", why=told.why) from error


def _once(found: Sequence[Target]) -> tuple[Target, ...]:
    """Return them by name. Raises BadFleetFile where one is there twice."""
    ordered = sorted(found, key=lambda each: each.name)
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise BadFleetFile(
                f"Two targets have the name {one.name!r}: {one.where}, and {other.where}.",
                why="A target is known by its name.",
            )
    if not ordered:
        raise BadFleetFile("The inventory leads to no database.", why="No query found any.")
    return tuple(ordered)
