"""When tables were read last, by their own counters: by whomever, also where nobody counts statements.

They count scans for writes, and those by which foreign keys look for a row, as well.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from expandcontract.model.users import TableScans

#: Of the tables $1, a list in JSON, with their partitions. Moments are there from 16 on.
QUERY = """
SELECT e.relation::int8,
       pg_catalog.current_setting('track_counts') = 'on'
           AND pg_catalog.bool_and(s.row ? 'last_seq_scan') AS counted,
       pg_catalog.max(greatest((s.row->>'last_seq_scan')::pg_catalog.timestamptz,
                               (s.row->>'last_idx_scan')::pg_catalog.timestamptz)) AS last,
       (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d
        WHERE d.datname = pg_catalog.current_database()) AS since
FROM pg_catalog.json_array_elements_text($1::pg_catalog.text::pg_catalog.json) e(relation)
CROSS JOIN LATERAL (
    SELECT e.relation::pg_catalog.oid AS leaf
    UNION SELECT t.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(e.relation::pg_catalog.oid) t
) part
CROSS JOIN LATERAL (
    SELECT pg_catalog.to_jsonb(a) AS row FROM pg_catalog.pg_stat_all_tables a WHERE a.relid = part.leaf
) s
GROUP BY e.relation
"""


def by_table(rows: Iterable[Mapping[str, Any]]) -> dict[int, TableScans]:
    """Pure. Return the rows of QUERY by table."""
    return {
        row["relation"]: TableScans(row["counted"], _moment(row["last"]), _moment(row["since"]))
        for row in rows
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
