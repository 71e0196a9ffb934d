"""Which triggers of the user look at the old or the new column while a row is written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from expandcontract.model.names import RelationName
from expandcontract.postgres.catalog import body
from expandcontract.postgres.catalog.trigger import Trigger, arguments

#: Functions of contrib that look at the columns only that the trigger's arguments name.
_BY_ARGUMENTS = frozenset({"moddatetime", "autoinc", "insert_username"})
#: How the names of our own triggers begin.
OURS = ("~ec_", "~er_", "~es_", "!ec_", "!es_")


#: A query beside `asked` and `tree`: the triggers of changes' tables that fire before a row is stored, each
#: once.
NOW = """
SELECT u.change, t.tgname::text AS name, l.lanname::text AS language, n.nspname::text AS schema,
       p.proname::text AS function, p.prosrc AS source, pg_catalog.encode(t.tgargs, 'hex') AS arguments
FROM asked u
JOIN tree ON tree.tag = u.change
JOIN pg_catalog.pg_trigger t ON t.tgrelid = tree.relation AND t.tgparentid = 0 AND NOT t.tgisinternal
    AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0 AND t.tgenabled <> 'D'
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE u.first <> '' AND t.tgname !~ '^[~!]e[crs]_'
ORDER BY 2
"""


def found(seen: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, Any]]) -> list[str]:
    """Pure. Return the names of those of the rows of NOW that look at one of the columns of a side: those of
    which the type is known.
    """
    sides = [name for name, type_ in columns if type_ is not None]
    standing = (
        Trigger(
            name=row["name"],
            before=True,
            row=True,
            on_insert=True,
            on_update=True,
            enabled="O",
            function=RelationName(row["schema"], row["function"]),
            uses=(),
            language=row["language"],
            source=row["source"],
            arguments=arguments(bytes.fromhex(row["arguments"])),
        )
        for row in seen
    )
    return list(dict.fromkeys(trigger.name for trigger in before(standing, sides)))


def looks(trigger: Trigger, columns: Iterable[str]) -> bool:
    """Pure. Whether the function of a trigger may read or write one of the columns in the row being written.

    It errs on the side of looking: what is not plpgsql tells nothing, and a row that is taken as a whole
    holds every column.
    """
    columns = tuple(columns)
    if any(column in trigger.arguments for column in columns):
        return True
    if trigger.language != "plpgsql":
        return trigger.function.name not in _BY_ARGUMENTS
    text = body.without_comments(trigger.source)
    return body.takes_rows(text) or any(body.names(text, column) for column in columns)


def before(triggers: Iterable[Trigger], columns: Iterable[str]) -> tuple[Trigger, ...]:
    """Pure. Return the triggers that look at one of the columns before the row is stored: the sync trigger,
    which sorts last, comes too late for them.
    """
    columns = tuple(columns)
    return tuple(
        trigger
        for trigger in triggers
        if trigger.before
        and trigger.row
        and (trigger.on_insert or trigger.on_update)
        and not trigger.name.startswith(OURS)
        and looks(trigger, columns)
    )
