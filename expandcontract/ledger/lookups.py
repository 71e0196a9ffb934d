"""The functions in which a ledger keeps what this program asks again and again."""

import itertools

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.ledger import reader
from expandcontract.model.names import quote
from expandcontract.postgres import live
from expandcontract.postgres.connect import OLDEST
from expandcontract.postgres.lookup import IS_ONE, KEPT, Lookup
from expandcontract.postgres.message import send
from expandcontract.postgres.query import rows

#: The versions of servers between which what is asked of the catalog differs, as server_version_num.
_ASKED_OTHERWISE = (OLDEST * 10_000, 150_000)

#: Those that are there, and whether the role may make others.
_STANDING = f"""
SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE'),
       ARRAY(SELECT p.proname::pg_catalog.text FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = n.oid AND {IS_ONE})
FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::pg_catalog.name
"""


def every(schema: str) -> tuple[Lookup, ...]:
    """Return all of them, for a ledger in that schema. After an upgrade the server is of another version."""
    found = (
        reader.changes_lookup(schema),
        *(live.lookup(version, fronts=each) for version in _ASKED_OTHERWISE for each in (False, True)),
        *(
            reader.around_lookup(schema, standbys=standbys, reads=reads)
            for standbys, reads in itertools.product((False, True), repeat=2)
        ),
    )
    return tuple({each.function: each for each in found}.values())


async def keep(conn: AsyncConnection, schema: str, *, clear: bool) -> None:
    """Make those that the ledger does not have yet, where the role may. `clear` removes those of other
    programs, none of which works with this ledger any more.
    """
    ((able, standing),) = await rows(conn, _STANDING, schema)
    if not able:
        return
    wanted = {each.function: each.definition(schema) for each in every(schema)}
    gone = sorted(set(standing) - set(wanted)) if clear else []
    drop = [f"DROP FUNCTION {quote(schema)}.{quote(name)}(pg_catalog.text)" for name in gone]
    make = [wanted[name] for name in wanted if name not in standing]
    if drop or make:
        await send(conn, *drop, *make)
        conn.info.pop(KEPT, None)
