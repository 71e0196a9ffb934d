"""Functions of what others wrote, defaults and CHECKs: their standard bodies are parsed in our session, and
mean the same in every other one.
"""

from collections.abc import Iterator

from expandcontract.model.names import RelationName, qualify_constant, qualify_type, quote
from expandcontract.steps.sync import rows
from expandcontract.steps.sync.subject import Sync


def create(sync: Sync) -> tuple[str, ...]:
    """Return the statements that make the functions of what others wrote: defaults and CHECKs."""
    statements = []
    for name, arguments, result, body in _parsed(sync):
        signature = f"{name.sql}({arguments}) RETURNS {qualify_type(result)}"
        label = "VOLATILE" if name == sync.telling else "STABLE"
        statements.append(
            f"CREATE OR REPLACE FUNCTION {signature} LANGUAGE sql {label} BEGIN ATOMIC SELECT {body}; END"
        )
        statements.append(f"GRANT EXECUTE ON FUNCTION {name.sql} TO PUBLIC")
    return tuple(statements)


def names(sync: Sync) -> tuple[RelationName, ...]:
    """Return the functions that `create` makes."""
    return tuple(name for name, *_ in _parsed(sync))


def drop_default(sync: Sync) -> tuple[str, ...]:
    """Return what removes the function of a default, which the column that has it must not need any more."""
    return (f"DROP FUNCTION IF EXISTS {sync.telling.sql}()",) if sync.rules.tells_null else ()


def _parsed(sync: Sync) -> Iterator[tuple[RelationName, str, str, str]]:
    """Yield name, arguments, type and expression of each."""
    pair = sync.pair
    old = None if pair.old.volatile_default else pair.old.default
    for default, name, type_ in (
        (old, sync.old_default, pair.old.type),
        (sync.new_default, sync.default, pair.new.type),
    ):
        if default is not None and qualify_constant(default) is None:
            yield name, "", type_, f"({default})::{qualify_type(type_)}"
    if sync.checks and not pair.one_way:
        types = check_columns(sync)
        arguments = ", ".join(f"{quote(column)} {qualify_type(type_)}" for column, type_ in types.items())
        yield (
            sync.check,
            arguments,
            "boolean",
            " AND ".join(f"COALESCE({check.expression}, true)" for check in sync.checks),
        )
    if sync.rules.tells_null:
        none = f"NULL::{qualify_type(pair.new.type)}"
        noted = f"CASE WHEN {rows.nothing_given(sync.change)} IS NULL THEN {none} END"
        yield sync.telling, "", pair.new.type, noted
    yield from sync.rules.functions(pair, *sync.breaks)


def check_columns(sync: Sync) -> dict[str, str]:
    """Return the columns that the CHECKs of the old side ask, with their types."""
    return {c: t for check in sync.checks for c, t in zip(check.columns, check.types, strict=True)}
