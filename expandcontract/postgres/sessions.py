"""Sessions of the application, and how long they are there already."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.situation import OldSession
from expandcontract.postgres.query import rows

#: $1 tables. Ours are known by the application_name of this session. What pg_stat_activity hides from our
#: role is NULL, but for pid, user and application_name.
_SESSIONS = """
SELECT t.relation::int8, a.pid, coalesce(a.application_name, ''), a.usename::text,
       pg_catalog.host(a.client_addr), a.backend_start
FROM pg_catalog.pg_stat_activity a
CROSS JOIN pg_catalog.unnest($1::oid[]) t(relation)
WHERE a.datname = pg_catalog.current_database()
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND a.application_name IS DISTINCT FROM pg_catalog.current_setting('application_name')
  AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL
  AND pg_catalog.has_any_column_privilege(a.usesysid, t.relation, 'SELECT, INSERT, UPDATE')
ORDER BY a.backend_start NULLS LAST, a.pid
"""


async def of_tables(conn: AsyncConnection, relations: Collection[int]) -> dict[int, list[OldSession]]:
    """Return, by table, the sessions of roles that may use it, without ours; the oldest first. One query."""
    found: defaultdict[int, list[OldSession]] = defaultdict(list)
    for relation, *session in await rows(conn, _SESSIONS, sorted(set(relations))):
        found[relation].append(OldSession(*session))
    return found
