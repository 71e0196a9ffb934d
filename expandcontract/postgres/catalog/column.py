"""Columns: pg_attribute with its type, default, privileges and settings."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.names import RelationName
from expandcontract.postgres.catalog.default import is_nothing, judge
from expandcontract.postgres.descendants import tree
from expandcontract.postgres.query import rows, several


@dataclass(frozen=True)
class Grant:
    """A privilege on one column: `grantee` is a role, or the empty string for PUBLIC."""

    grantee: str
    privilege: str
    grantable: bool


@dataclass(frozen=True)
class Column:
    """A column.

    `type` is format_type() with its typmod, schema-qualified where needed. `collation` is SQL (qualified,
    quoted), None when it is the type's own. `default` is pg_get_expr() under an empty search_path, for a
    generated column its expression. `default_kind` is `constant`, `stable`, `opaque` or `volatile`, judged
    for columns that the change is about; None for the others and without a default. `not_null_name` is the
    constraint's name (18+), `not_null_comment` its comment, and `not_null_inherited` whether children by
    inheritance must have a value too. `identity` is pg_attribute.attidentity (`a`, `d` or empty), `generated`
    attgenerated (`s`, `v` or empty). `storage` and `compression` are None where they are the type's default.
    `plain_equality` says that `IS NOT DISTINCT FROM` means identical: a built-in type whose default btree
    class has equalimage, with a deterministic collation. `sequence_types` are the types of `owned_sequences`,
    which are the sequences that are OWNED BY the column (not those of identity). `labels` are its security
    labels, each with its provider before it.
    """

    name: str
    number: int
    type: str
    collation: str | None
    not_null: bool
    not_null_name: str | None
    not_null_valid: bool
    default: str | None
    default_kind: str | None
    identity: str
    generated: str
    inherited: bool
    storage: str | None
    compression: str | None
    statistics_target: int | None
    options: tuple[str, ...]
    comment: str | None
    grants: tuple[Grant, ...]
    plain_equality: bool
    owned_sequences: tuple[RelationName, ...]
    not_null_inherited: bool = True
    not_null_comment: str | None = None
    sequence_types: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


#: NOT NULL is a constraint of its own, with a name and perhaps not valid yet, since 18.
_NOT_NULL_CONSTRAINTS_SINCE = 180000
_NO_CONSTRAINT = (
    "(SELECT NULL::oid AS oid, NULL::text AS conname, NULL::boolean AS convalidated, "
    "NULL::boolean AS connoinherit) k ON true"
)
#: Before, a child may have let it go.
_WITHOUT_A_CHILD = f"""NOT EXISTS (
    WITH RECURSIVE {tree("SELECT a.attrelid")}
    SELECT FROM tree JOIN pg_catalog.pg_attribute b ON b.attrelid = tree.relation
    WHERE tree.relation <> a.attrelid
      AND b.attname = a.attname AND NOT b.attisdropped AND NOT b.attnotnull)"""
_CONSTRAINT = (
    "pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]"
)

#: varchar has no operator class of its own, it uses text's. bpchar's equality ignores blanks at the end.
_COLUMNS = """
SELECT a.attname::text, a.attnum::int, pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> t.typcollation
            THEN pg_catalog.quote_ident(o.nspname) || '.' || pg_catalog.quote_ident(l.collname) END,
       a.attnotnull, k.conname::text, coalesce(k.convalidated, a.attnotnull),
       pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       a.attidentity::text, a.attgenerated::text, a.attinhcount > 0,
       CASE WHEN a.attstorage <> t.typstorage THEN
           CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'x' THEN 'extended'
                             ELSE 'main' END END,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
       nullif(a.attstattarget::int, -1), coalesce(a.attoptions, '{{}}')::text[],
       pg_catalog.col_description(a.attrelid, a.attnum),
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
           AND a.atttypid <> 'pg_catalog.bpchar'::pg_catalog.regtype
           AND coalesce(l.collisdeterministic, true)
           AND EXISTS (
               SELECT FROM pg_catalog.pg_opclass c
               JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily = c.opcfamily AND p.amprocnum = 4
                    AND p.amproclefttype = c.opcintype AND p.amprocrighttype = c.opcintype
               WHERE c.opcdefault AND c.opcintype = CASE a.atttypid
                   WHEN 'pg_catalog.varchar'::pg_catalog.regtype THEN 'pg_catalog.text'::pg_catalog.regtype
                   ELSE a.atttypid END),
       CASE WHEN k.oid IS NULL THEN {without_a_child} ELSE NOT k.connoinherit END,
       pg_catalog.obj_description(k.oid, 'pg_constraint'),
       ARRAY(SELECT ARRAY[l.provider, l.label] FROM pg_catalog.pg_seclabel l
             WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = a.attrelid
               AND l.objsubid = a.attnum ORDER BY 1)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace o ON o.oid = l.collnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN {constraint}
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_GRANTS = """
SELECT a.attname::text, CASE WHEN x.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END,
       x.privilege_type, x.is_grantable
FROM pg_catalog.pg_attribute a, LATERAL pg_catalog.aclexplode(a.attacl) x
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, 2, 3
"""

#: An identity's sequence depends internally (`i`), one that is OWNED BY automatically (`a`).
_SEQUENCES = """
SELECT a.attname::text, n.nspname::text, c.relname::text, pg_catalog.format_type(q.seqtypid, NULL)
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.refobjid = $1 AND d.refobjsubid > 0 AND d.deptype = 'a'
ORDER BY 1, 2, 3
"""


async def load(conn: AsyncConnection, oid: int, version: int, about: Collection[str]) -> tuple[Column, ...]:
    """Return the columns of a relation in order of their numbers. The defaults of the columns `about` are
    judged.
    """
    query = _COLUMNS.format(
        constraint=_CONSTRAINT if version >= _NOT_NULL_CONSTRAINTS_SINCE else _NO_CONSTRAINT,
        without_a_child=_WITHOUT_A_CHILD,
    )
    granted, owned, found = await several(conn, (_GRANTS, _SEQUENCES, query), oid)
    grants: defaultdict[str, list[Grant]] = defaultdict(list)
    for name, grantee, privilege, grantable in granted:
        grants[name].append(Grant(grantee, privilege, grantable))
    sequences: defaultdict[str, list[RelationName]] = defaultdict(list)
    types: defaultdict[str, list[str]] = defaultdict(list)
    for name, schema, sequence, kind in owned:
        sequences[name].append(RelationName(schema, sequence))
        types[name].append(kind)
    columns: list[Column] = []
    for row in found:
        (name, number, type_sql, collation, not_null, not_null_name, not_null_valid, default, *rest) = row
        (identity, generated, inherited, storage, compression, target, options, comment, *rest) = rest
        (plain_equality, not_null_inherited, not_null_comment, labels) = rest
        if default is not None and is_nothing(default):
            default = None
        judged = default if name in about and not generated else None
        columns.append(
            Column(
                name=name,
                number=number,
                type=type_sql,
                collation=collation,
                not_null=not_null,
                not_null_name=not_null_name,
                not_null_valid=not_null_valid,
                default=default,
                default_kind=None if judged is None else await judge(conn, type_sql, judged),
                identity=identity,
                generated=generated,
                inherited=inherited,
                storage=storage,
                compression=compression,
                statistics_target=target,
                options=tuple(options),
                comment=comment,
                grants=tuple(grants[name]),
                plain_equality=plain_equality,
                owned_sequences=tuple(sequences[name]),
                sequence_types=tuple(types[name]),
                not_null_inherited=not_null_inherited,
                not_null_comment=not_null_comment,
                labels=tuple((provider, label) for provider, label in labels),
            )
        )
    return tuple(columns)


_TYPES = """
SELECT attname::text, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute
WHERE attrelid = $1::pg_catalog.oid AND attname = ANY ($2::text[]) AND NOT attisdropped
"""


async def types_of(conn: AsyncConnection, relation: int, names: Sequence[str]) -> dict[str, str]:
    """Return the types of those columns of a table that are there, as SQL."""
    return dict(await rows(conn, _TYPES, relation, list(names)))
