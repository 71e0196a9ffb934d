"""Whose code is in the views that are to be made anew: it runs with the rights of the table's owner."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.errors import MissingPrivilege
from expandcontract.model.names import RelationName, quote
from expandcontract.postgres.owner_rights import not_trusted
from expandcontract.postgres.query import rows


async def refuse_strangers(conn: AsyncConnection, table: RelationName, views: Sequence[RelationName]) -> None:
    """Raise MissingPrivilege before any text is read of a view whose owner may do less than the table's."""
    query = not_trusted("$1::pg_catalog.text[]", "$2::pg_catalog.text")
    found = await rows(conn, query, [view.sql for view in views], table.sql)
    for name, owner, of_table in found:
        raise MissingPrivilege(
            f"View {name} belongs to {quote(owner)}, who may not act as {quote(of_table)}, who owns {table}.",
            why="What a view's text calls runs with the rights of the table's owner when it is made anew.",
            next=f"ALTER VIEW {name} OWNER TO {quote(of_table)}, once you have read it; or leave "
            "--recreate-views, or --drop-views, out.",
        )
