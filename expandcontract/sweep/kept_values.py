"""What a sweep keeps in the ledger of a row `t`, as SQL, to be given back. Pure."""

from collections.abc import Sequence

from expandcontract.model.names import literal, quote, split, sync_schema
from expandcontract.model.step import Deletion, Replacement, RowTransformation, Sweep

#: A function takes a hundred arguments.
_AT_ONCE = 40


def keeps(action: Sweep) -> tuple[str, ...]:
    """Return the columns whose values a copy keeps as it writes them."""
    return action.keeps if isinstance(action, Deletion | Replacement | RowTransformation) else ()


_UPDATED = "the row held this before it was updated"
#: Why a value is kept.
SENTENCES: dict[type[Sweep], str] = {
    Replacement: _UPDATED,
    RowTransformation: _UPDATED,
    Deletion: "the row held this when it was deleted",
}


def insert_kept(schema: str) -> str:
    """Return the statement that keeps what is replaced, up to its query."""
    columns = "change_id, kind, key, old_value, new_value, role, sentence"
    return f"INSERT INTO {quote(schema)}.conflict ({columns})"


def values_of(columns: Sequence[str], schema: str) -> str:
    """Return, as text, an object of the values of a row `t`."""
    sync = quote(sync_schema(schema))
    pairs = [f"{literal(split(column)[-1])}, {sync}.as_text(t.{column})" for column in columns]
    parts = [pairs[at : at + _AT_ONCE] for at in range(0, len(pairs), _AT_ONCE)]
    objects = " OPERATOR(pg_catalog.||) ".join(
        f"pg_catalog.jsonb_build_object({', '.join(part)})" for part in parts
    )
    return f"({objects})::pg_catalog.text"


def named(action: Sweep, schema: str) -> str:
    """Return what names a row `t` for good: its primary key, whatever the session shows values as."""
    if not action.key:
        return "pg_catalog.jsonb_build_object('ctid', t.ctid::pg_catalog.text)"
    sync = quote(sync_schema(schema))
    pairs = ", ".join(f"{literal(split(c)[-1])}, {sync}.as_key(t.{c})" for c in action.key)
    return f"pg_catalog.jsonb_build_object({pairs})"
