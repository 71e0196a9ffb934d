"""Sessions of the application, and how long they are there already."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from expandcontract.model.users import OldSession

#: Of the roles that may use the tables $1, a list in JSON, without ours, which are known by the
#: application_name of this session; the oldest first. What pg_stat_activity hides from our role is NULL, but
#: for pid, user and application_name.
QUERY = """
SELECT t.relation::int8, a.pid, coalesce(a.application_name, '') AS application_name,
       a.usename::text AS role, pg_catalog.host(a.client_addr) AS address, a.backend_start AS since
FROM pg_catalog.pg_stat_activity a
CROSS JOIN (SELECT e.relation::oid
            FROM pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) e(relation)) t
WHERE a.datname = pg_catalog.current_database()
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND pg_catalog.split_part(a.application_name, ' ', 1)
      IS DISTINCT FROM pg_catalog.split_part(pg_catalog.current_setting('application_name'), ' ', 1)
  AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL
  AND pg_catalog.has_any_column_privilege(a.usesysid, t.relation, 'SELECT, INSERT, UPDATE')
ORDER BY a.backend_start NULLS LAST, a.pid
"""


def by_table(rows: Iterable[Mapping[str, Any]]) -> defaultdict[int, list[OldSession]]:
    """Pure. Return the rows of QUERY by table."""
    found: defaultdict[int, list[OldSession]] = defaultdict(list)
    for row in rows:
        since = None if row["since"] is None else datetime.fromisoformat(row["since"])
        session = OldSession(row["pid"], row["application_name"], row["role"], row["address"], since)
        found[row["relation"]].append(session)
    return found
