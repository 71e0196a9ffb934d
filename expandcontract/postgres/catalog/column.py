"""Columns: pg_attribute with its type, default, privileges and settings."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName


@dataclass(frozen=True)
class Grant:
    """A privilege on one column: `grantee` is a role, or the empty string for PUBLIC."""

    grantee: str
    privilege: str
    grantable: bool


@dataclass(frozen=True)
class Column:
    """A column.

    `type` is format_type() with its typmod, schema-qualified where needed. `collation` is SQL (qualified, quoted), None when it is the type's own.
    `default` is pg_get_expr() under an empty search_path; `default_kind` is `constant`, `stable` or `volatile`. `not_null_name` is the constraint's name (18+).
    `identity` is pg_attribute.attidentity (`a`, `d` or empty), `generated` attgenerated (`s`, `v` or empty). `storage` and `compression` are None where they are the type's default.
    `plain_equality` says that `IS NOT DISTINCT FROM` means identical: a built-in type whose default btree class has equalimage, with a deterministic collation.
    `owned_sequences` are the sequences that are OWNED BY the column (not those of identity).
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
