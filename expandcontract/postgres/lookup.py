"""What is asked again and again, and takes the server longer to plan than to answer: the ledger keeps it as
functions, whose plans stay with the session.

A prepared statement would do the same, but for poolers, and for code of a table's owner that may run in the
session and prepare another one of that name. A function is the ledger's; its name holds a digest of what it
asks, so that a program never calls that of another version. Where the ledger does not have it, the same is
asked as a query.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import literal, quote
from expandcontract.model.presence import MARK
from expandcontract.postgres.message import constant, renumbered
from expandcontract.postgres.query import combined, rows, value
from expandcontract.postgres.settings import OUR_PATH
from expandcontract.postgres.sqlstate import UNDEFINED, sqlstate

#: How the names of such functions begin.
PREFIX = "look_"
#: What comes right behind all names that begin so: names are sorted by their bytes.
_BEHIND = PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)
#: Where a connection keeps which of them it may call.
KEPT = "expandcontract.lookups"
#: Whether `p` may be one: others of its name, with other arguments, are somebody else's. By its name as that
#: is sorted, so that the index on the names is used.
IS_ONE = f"""(
    p.proname OPERATOR(pg_catalog.>=) '{PREFIX}'::pg_catalog.name
    AND p.proname OPERATOR(pg_catalog.<) '{_BEHIND}'::pg_catalog.name
    AND p.prokind OPERATOR(pg_catalog.=) 'f'::pg_catalog."char"
    AND p.pronargs OPERATOR(pg_catalog.=) 1::pg_catalog.int2
    AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.text'::pg_catalog.regtype::pg_catalog.oid)"""
_CALLABLE = f"""
SELECT p.proname::pg_catalog.text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name
  AND {IS_ONE}
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
"""


@dataclass(frozen=True)
class OnlyIf:
    """A query that has no row where no row of `table`, as SQL, meets the condition: the function of who may
    read that answers without the query, which the server has not planned either.
    """

    query: str
    table: str
    condition: str


@dataclass(frozen=True)
class Lookup:
    """Queries that are asked together, as by `query.together`: what they have in common is their parameter
    $1::pg_catalog.text, and the CTEs `beside`.

    `only_if` names one of them that has no row without a condition.
    """

    name: str
    queries: Mapping[str, str] = field(hash=False)
    beside: str = ""
    only_if: "OnlyIf | None" = None

    @cached_property
    def sql(self) -> str:
        """The query that asks all of them."""
        return combined(self.queries, beside=self.beside)

    @cached_property
    def function(self) -> str:
        """The name of its function."""
        return f"{PREFIX}{self.name}_{hashlib.sha256(self._body.encode()).hexdigest()[:10]}"

    @cached_property
    def _body(self) -> str:
        """What the function does."""
        whole = f"RETURN ({self.sql}\n{MARK} look */\n);"
        if self.only_if is None:
            return whole
        without = combined({**self.queries, self.only_if.query: "SELECT WHERE false"}, beside=self.beside)
        # One after the other: a condition is refused as a whole to who may not read the table.
        return (
            f"IF pg_catalog.has_table_privilege({literal(self.only_if.table)}, 'SELECT') THEN\n"
            f"IF NOT EXISTS (SELECT FROM {self.only_if.table} WHERE {self.only_if.condition}) THEN\n"
            f"RETURN ({without}\n{MARK} look */\n);\nEND IF;\nEND IF;\n{whole}"
        )

    def definition(self, schema: str) -> str:
        """Return the statements that make the function in the schema of a ledger, and let everybody call it
        who may use that: it runs with the caller's rights, and asks what the caller could.
        """
        name = f"{quote(schema)}.{self.function}"
        return (
            f"CREATE FUNCTION {name}(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql STABLE\n"
            f"SET search_path = {OUR_PATH} SET plan_cache_mode = force_generic_plan AS $look$\n"
            f"#variable_conflict use_column\nBEGIN\n{self._body}\nEND $look$;\n"
            f"REVOKE ALL ON FUNCTION {name}(pg_catalog.text) FROM PUBLIC;\n"
            f"GRANT EXECUTE ON FUNCTION {name}(pg_catalog.text) TO PUBLIC;"
        )

    async def ask(self, conn: AsyncConnection, schema: str, asked: object) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of all queries by one round trip, by the queries' names; moments come as text.

        `asked` is their parameter, as JSON. `schema` is that of the ledger. Raises DBAPIError.
        """
        parameter = constant(json.dumps(asked))
        if self.function not in await kept(conn, schema):
            return _read(await value(conn, renumbered(self.sql, lambda _: parameter)))
        try:
            return _read(await value(conn, f"SELECT {quote(schema)}.{self.function}({parameter})"))
        except DBAPIError as error:
            if sqlstate(error) in UNDEFINED:
                conn.info.pop(KEPT, None)  # the ledger was made anew
            raise


async def kept(conn: AsyncConnection, schema: str) -> frozenset[str]:
    """Return the names of the functions that a ledger has and the role may call; it asks once a session."""
    known: dict[str, frozenset[str]] = conn.info.setdefault(KEPT, {})
    if schema not in known:
        known[schema] = frozenset(name for (name,) in await rows(conn, _CALLABLE, schema))
    return known[schema]


def _read(text: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found
