"""The trigger of a change without a pair: before each row, in every session, on a table and its children."""

from collections.abc import Iterable

from expandcontract.model.names import RelationName, quote


def create(
    name: str,
    function: RelationName,
    on: Iterable[RelationName],
    *,
    events: str = "INSERT OR UPDATE",
    when: str = "",
) -> tuple[str, ...]:
    """Return the statements that put it up, for whoever may write the tables; `when` is SQL over NEW, which
    spares others the call.
    """
    condition = f" WHEN ({when})" if when else ""
    call = f"FOR EACH ROW{condition} EXECUTE FUNCTION {function.sql}()"
    return (
        f"GRANT EXECUTE ON FUNCTION {function.sql}() TO PUBLIC",
        *(
            statement
            for table in on
            for statement in (
                f"CREATE TRIGGER {quote(name)} BEFORE {events} ON {table.sql} {call}",
                f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {quote(name)}",
            )
        ),
    )


def drop(name: str, on: Iterable[RelationName]) -> tuple[str, ...]:
    """Return the statements that take it down, where it stands."""
    return tuple(f"DROP TRIGGER IF EXISTS {quote(name)} ON {table.sql}" for table in on)
