"""Indexes: pg_index with the server's own rendering of what follows USING."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Index:
    """An index of the table.

    `columns` are all columns that it uses, also inside expressions and in the predicate, and INCLUDEd ones. `definition` is pg_get_indexdef() from the access method on:
    `btree (name) WHERE (active)`. `constraint` is the constraint that it backs (`constraint_kind` u, p or x).
    """

    name: str
    columns: tuple[str, ...]
    definition: str
    unique: bool
    primary: bool
    exclusion: bool
    valid: bool
    constraint: str | None
    constraint_kind: str | None
    deferrable: bool
    deferred: bool
    replica_identity: bool
    clustered: bool
    comment: str | None
    constraint_comment: str | None
    tablespace: str | None
    statistics: tuple[tuple[int, int], ...] = ()
