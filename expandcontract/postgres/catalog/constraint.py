"""Constraints that are not indexes: CHECK and FOREIGN KEY, and the foreign keys that point here."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.query import rows


@dataclass(frozen=True)
class Constraint:
    """A constraint of the table, or (`inbound`) a foreign key that references it.

    `kind` is pg_constraint.contype: `c` or `f`. `table` is the table that has it, `columns` are that table's
    columns in it, `definition` is pg_get_constraintdef(). For a foreign key `other_table` is the table that
    it references, `other_columns` the referenced columns, in the order of `columns`; `on_update`, `on_delete`
    and `match` are SQL (`NO ACTION`, `CASCADE`, `SIMPLE`, ...). A foreign key of the table to itself is
    listed twice, once as inbound. `operators`, as SQL, compare each referenced column with the one that
    refers to it. `other_partitioned`: its rows are those of its partitions. `readable`: the table's owner and
    the role itself may read all rows of the referenced table.
    """

    name: str
    kind: str
    table: RelationName
    columns: tuple[str, ...]
    definition: str
    validated: bool
    enforced: bool
    deferrable: bool
    deferred: bool
    no_inherit: bool
    comment: str | None
    inbound: bool = False
    other_table: RelationName | None = None
    other_columns: tuple[str, ...] = ()
    on_update: str = ""
    on_delete: str = ""
    match: str = ""
    delete_set_columns: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    other_partitioned: bool = False
    readable: bool = False

    @property
    def of_table(self) -> tuple[str, ...]:
        """The columns of the table that was asked about: of an inbound one those that it references."""
        return self.other_columns if self.inbound else self.columns


def check_expression(definition: str) -> str:
    """Return the expression of a CHECK as pg_get_constraintdef() writes that, without what may follow it."""
    return definition.removeprefix("CHECK ").removesuffix(" NOT VALID").removesuffix(" NO INHERIT")


_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", " ": ""}
_MATCHES = {"s": "SIMPLE", "f": "FULL", "p": "PARTIAL", " ": ""}

#: NOT ENFORCED came with 18, ON DELETE SET NULL (columns) with 15.
_ENFORCED = ((180000, "k.conenforced"), (0, "true"))
_DELETE_SET = ((150000, "k.confdelsetcols"), (0, "NULL::int2[]"))


def _names(relation: str, numbers: str) -> str:
    return f"""ARRAY(SELECT a.attname::text
             FROM pg_catalog.unnest({numbers}) WITH ORDINALITY u(number, at)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = u.number
             ORDER BY u.at)"""


def _query(version: int) -> str:
    """Return the query for a version. $1 is the table.

    A foreign key to or from a partitioned table has a constraint for each partition below it (conparentid),
    which are not the user's.
    """
    enforced = next(sql for since, sql in _ENFORCED if version >= since)
    delete_set = next(sql for since, sql in _DELETE_SET if version >= since)
    return f"""
SELECT side.inbound, k.conname::text, k.contype::text, n.nspname::text, c.relname::text,
       {_names("k.conrelid", "k.conkey")},
       pg_catalog.pg_get_constraintdef(k.oid),
       k.convalidated, {enforced}, k.condeferrable, k.condeferred, k.connoinherit,
       pg_catalog.obj_description(k.oid, 'pg_constraint'),
       fn.nspname::text, f.relname::text,
       {_names("k.confrelid", "k.confkey")},
       k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text,
       {_names("k.conrelid", delete_set)},
       ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', on_.nspname, o.oprname)
             FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY u(number, at)
             JOIN pg_catalog.pg_operator o ON o.oid = u.number
             JOIN pg_catalog.pg_namespace on_ ON on_.oid = o.oprnamespace ORDER BY u.at),
       f.relkind = 'p',
       NOT f.relrowsecurity AND pg_catalog.has_table_privilege(f.oid, 'SELECT')
           AND pg_catalog.has_table_privilege(c.relowner, f.oid, 'SELECT')
FROM (VALUES (false), (true)) side(inbound)
JOIN pg_catalog.pg_constraint k ON NOT side.inbound AND k.conrelid = $1 AND k.contype IN ('c', 'f')
                                OR side.inbound AND k.confrelid = $1 AND k.contype = 'f'
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid = k.conparentid
WHERE parent.oid IS NULL
   OR NOT side.inbound AND parent.conrelid <> k.conrelid
   OR side.inbound AND parent.confrelid <> k.confrelid
ORDER BY side.inbound, k.conname, n.nspname, c.relname
"""


async def load(conn: AsyncConnection, oid: int, version: int) -> tuple[Constraint, ...]:
    """Return the CHECK and FOREIGN KEY constraints of a table, then the foreign keys that reference it, by
    name.
    """
    found: list[Constraint] = []
    for row in await rows(conn, _query(version), oid):
        (
            inbound,
            name,
            kind,
            schema,
            table,
            columns,
            definition,
            validated,
            enforced,
            deferrable,
            deferred,
            *rest,
        ) = row
        no_inherit, comment, other_schema, other, other_columns, *of_key = rest
        on_update, on_delete, match, delete_set, operators, partitioned, readable = of_key
        found.append(
            Constraint(
                name=name,
                kind=kind,
                table=RelationName(schema, table),
                columns=tuple(columns),
                definition=definition,
                validated=validated,
                enforced=enforced,
                deferrable=deferrable,
                deferred=deferred,
                no_inherit=no_inherit,
                comment=comment,
                inbound=inbound,
                other_table=RelationName(other_schema, other) if other is not None else None,
                other_columns=tuple(other_columns),
                on_update=_ACTIONS[on_update],
                on_delete=_ACTIONS[on_delete],
                match=_MATCHES[match],
                delete_set_columns=tuple(delete_set),
                operators=tuple(operators),
                other_partitioned=bool(partitioned),
                readable=bool(readable),
            )
        )
    return tuple(found)
