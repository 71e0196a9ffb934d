"""Whether a target can take a change: what it is, whether it may be written, how far its ledger is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from expandcontract.engine.context import Context
from expandcontract.fleet.opening import Open
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.running import Limits, on_each
from expandcontract.fleet.target import Target
from expandcontract.ledger import migrate
from expandcontract.model.errors import BadFleetFile, EcError, NoSuchObject, Refused
from expandcontract.postgres.query import rows
from expandcontract.postgres.settings import own_path

#: So many databases are looked at, at once.
AT_ONCE = 16

#: A database by which it is known again whatever its address is. What a server calls itself survives its
#: restart; who may not read that, knows the server by its start.
_IDENTITY = """
SELECT coalesce(
        CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
             THEN (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()) END,
        pg_catalog.pg_postmaster_start_time()::pg_catalog.text),
    (SELECT d.oid::pg_catalog.int8 FROM pg_catalog.pg_database d
     WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),
    pg_catalog.current_schema()::pg_catalog.text,
    pg_catalog.pg_is_in_recovery()"""


@dataclass(frozen=True)
class Identity:
    """What tells a target from every other one: its server, its database, its schema. `fault` says why no
    change can be carried out there.
    """

    system: str
    database: int
    schema: str | None
    standby: bool
    fault: EcError | None = None

    @property
    def key(self) -> tuple[str, int, str | None]:
        """What two names of one target have in common."""
        return self.system, self.database, self.schema


async def look(open_: Open, targets: Sequence[Target], stop: asyncio.Event) -> tuple[Outcome[Identity], ...]:
    """Return what each target is, by name; of one that cannot be reached why not."""

    async def act(target: Target) -> Outcome[Identity]:
        async with open_(target) as context:
            return Outcome(target, await _identity(context, target))

    found = await on_each(targets, act, Limits(AT_ONCE), stop)
    return tuple(sorted(found, key=lambda each: each.target.name))


async def _identity(context: Context, target: Target) -> Identity:
    async with context.database.transaction() as conn:
        await rows(conn, own_path())
        ((system, database, schema, standby),) = await rows(conn, _IDENTITY)
        try:
            require_home(target, schema)
            _refuse_standby(target, standby=standby)
            await migrate.check(conn, context.tables)
        except EcError as error:
            return Identity(system, database, schema, standby, error)
    return Identity(system, database, schema, standby)


def require_home(target: Target, schema: str | None) -> None:
    """Raise NoSuchObject where names in a session of the target do not mean what is in its schema."""
    if target.schema is not None and schema != target.schema:
        raise NoSuchObject(
            f"{target.name}: the schema {target.schema!r} is not the first that its sessions look in.",
            why="It is not there, the role may not use it, or a pooler drops the search_path of the URL.",
            next="For a pooler write the server itself as url.",
        )


def _refuse_standby(target: Target, *, standby: bool) -> None:
    if standby:
        raise Refused(
            f"{target.name} is a standby: {target.where}.",
            why="It has whatever is done on its primary.",
            next="Name the primary in the inventory.",
        )


def twice(found: Sequence[Outcome[Identity]]) -> tuple[tuple[Target, Target], ...]:
    """Pure. Return the pairs of targets that are one database, or one schema of it."""
    first: dict[tuple[str, int, str | None], Target] = {}
    pairs = []
    for each in found:
        if each.answer is None:
            continue
        other = first.setdefault(each.answer.key, each.target)
        if other is not each.target:
            pairs.append((other, each.target))
    return tuple(pairs)


def refuse_twice(found: Sequence[Outcome[Identity]]) -> None:
    """Raise BadFleetFile where two targets are one: a wave would be over before it is."""
    pairs = twice(found)
    if pairs:
        one, other = pairs[0]
        raise BadFleetFile(
            f"{one.name!r} and {other.name!r} are one database: {one.where}, and {other.where}.",
            why=f"So are {len(pairs) - 1} more pairs." if pairs[1:] else "",
            next="ec fleet targets",
        )
