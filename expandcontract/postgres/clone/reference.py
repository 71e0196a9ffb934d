"""A foreign key that is asked for, tried between the clone and an empty copy of what it refers to."""

import json
from collections.abc import Sequence

from expandcontract.model.names import literal, parse_referred, quote
from expandcontract.postgres.clone import other_table

#: What the server made of it: the other table, its columns, how they are compared, and what comes after.
QUERY = """
SELECT n.nspname, c.relname, c.relkind, pg_catalog.json_build_object(
    'other', ARRAY(SELECT a.attname FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(number, place)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
                   ORDER BY u.place),
    'equal', ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', m.nspname, o.oprname)
                   FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY u(number, place)
                   JOIN pg_catalog.pg_operator o ON o.oid = u.number
                   JOIN pg_catalog.pg_namespace m ON m.oid = o.oprnamespace
                   ORDER BY u.place))::pg_catalog.text,
    pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid), '^.*ec_other(?=\\()', '')
FROM pg_temp.ec_found f
JOIN pg_catalog.pg_class c ON c.oid = f.found JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_constraint k ON k.conname = 'ec_key'
    AND k.conrelid = 'pg_temp.ec_clone'::pg_catalog.regclass
"""


def statements(columns: Sequence[str], references: str, options: str) -> list[str]:
    """Return what makes the foreign key on the clone, and keeps which table it refers to. `references` is
    `[schema.]table[.column...]` as the user wrote it, `options` what follows that in SQL. Raises BadName.
    """
    other, referred = parse_referred(references)
    listed = _listed(referred) if referred else ""
    find = f"SELECT pg_catalog.to_regclass({literal(str(other))})::pg_catalog.oid AS found"
    key = f"FOREIGN KEY {_listed(columns)} REFERENCES pg_temp.ec_other {listed} {options}"
    return [
        *other_table.copied(other),
        f"CREATE TEMPORARY TABLE ec_found AS {find}",
        f"ALTER TABLE pg_temp.ec_clone ADD CONSTRAINT ec_key {key} NOT VALID",
    ]


def compared(key: str) -> tuple[list[str], list[str]]:
    """Return the columns that are referred to, and the operators, of what QUERY said."""
    read = json.loads(key)
    return read["other"], read["equal"]


def _listed(columns: Sequence[str]) -> str:
    return f"({', '.join(map(quote, columns))})"
