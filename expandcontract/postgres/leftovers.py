"""What a REINDEX CONCURRENTLY that died leaves behind: an invalid copy of an index, on the same table."""

#: How the server ends the name of a copy, which it cuts first and numbers where that is taken.
LABELLED = "_cc(new|old)[0-9]*$"


def is_copy(one: str, index: str) -> str:
    """Return the predicate that one row of pg_index, an alias, is an invalid copy of another one.

    A name alone says nothing: somebody may have called an index so, and a build of it may have failed.
    """
    one_is, index_is = (_definition(alias) for alias in (one, index))
    return (
        f"NOT {one}.indisvalid AND {one}.indexrelid <> {index}.indexrelid "
        f"AND {one}.indrelid = {index}.indrelid AND {one}.indisunique = {index}.indisunique "
        f"AND {one_is} = {index_is}"
    )


def _definition(alias: str) -> str:
    """What stands behind the name of an index and of its table."""
    text = f"pg_catalog.pg_get_indexdef({alias}.indexrelid)"
    return f"pg_catalog.substr({text}, pg_catalog.strpos({text}, ' USING '))"
