"""A column under both its names without a copy: until contract a view stands in the table's place."""

from collections.abc import Iterator

from humanize import naturalsize

from expandcontract.changes import preflight, stand_in
from expandcontract.changes.compose import compose as composed
from expandcontract.model.change import Change
from expandcontract.model.names import RelationName, hidden_name, quote
from expandcontract.model.notes import Note, Words
from expandcontract.model.plan import Plan
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Sentences
from expandcontract.steps.view import StandIn

#: From this size on the plan of a rename that copies says that there is another way.
MENTIONED_FROM = 1 << 30


def compose(change: Change, snapshot: Snapshot, old: str, new: str) -> Plan:
    """Return the plan that renames `old` to `new`. Raises Refused."""
    stand_in.examine(snapshot)
    preflight.column(snapshot, old)
    preflight.examine_name(snapshot, new)
    table = snapshot.table
    aside = RelationName(table.schema, hidden_name(table.name))
    stand_in.examine_table_name(snapshot, aside.name, ours=True)
    names = f"{quote(old)} to {quote(new)}"
    moved = StandIn(table, aside, snapshot, {old: new}, stays_aside=False)
    part = stand_in.part(
        moved,
        f"rename {names}; the table goes aside, and a view with both names stands in its place",
        _notes(snapshot, old, new),
    )
    return composed(
        change,
        snapshot,
        (part,),
        Words(
            about=f"{quote(old)} -> {quote(new)}, through a view",
            ready=f"{table} has the same values as {quote(new)} and as {quote(old)}",
            contracted=f"{quote(old)} is gone, and {quote(new)} is the table's column",
            destroys="",
        ),
        Sentences(
            contract=f"drop the view, and give {table} its name back, with {quote(new)}",
            undo=f"put the view up again, with {quote(old)} and {quote(new)}",
            rollback=f"give {table} its name and {quote(old)} back",
            purge="close the change: nothing is left to drop",
        ),
        claims=None,
        retires=(old,),
        brings=(new,),
        aside=aside,
    )


def mentioned(snapshot: Snapshot) -> Iterator[Note]:
    """Say of a large table that nothing has to be copied."""
    if snapshot.whole.size_bytes >= MENTIONED_FROM:
        yield Note(
            "instant",
            f"{snapshot.table} takes {naturalsize(snapshot.whole.size_bytes, binary=True)}. With --instant "
            "nothing is copied: a view stands in the table's place until contract. COPY FROM, TRUNCATE, "
            "ON CONFLICT ON CONSTRAINT, xmin and ctid and other migrations of the table do not work "
            "meanwhile, and who still uses the old name is seen in statements only.",
        )


def _notes(snapshot: Snapshot, old: str, new: str) -> Iterator[Note]:
    """What knows the column by the name that rows of the table do not have any more from expand on."""
    yield Note.hazard(
        "both-names",
        f"The view has {quote(old)} after all other columns: SELECT * has one more. A statement that gives "
        f"{quote(old)} and {quote(new)} a value at once fails, and one that caches SELECT * once. What the "
        f"server says of the table in errors it says of {quote(hidden_name(snapshot.table.name))}.",
    )
    for each in snapshot.dependents:
        if each.kind != "function body":
            continue
        if each.tied:
            yield Note.hazard(
                "row-body",
                f"Function {each.name} names {quote(old)} of rows of {snapshot.table}, which have it as "
                f"{quote(new)} from expand on: then it fails, and the writes that call it. Let it take both: "
                f"to_jsonb(NEW)->>'{new}', or use rename-column without --instant.",
                about=each.name,
            )
        else:
            yield Note(
                "dependent:function body",
                f"Function {each.name} names {quote(old)}, or another column of that name: through the view "
                "it goes on. Gate mentions asks which.",
            )
    for trigger in snapshot.triggers:
        if old in trigger.arguments:
            yield Note.hazard(
                "trigger-argument",
                f"Trigger {quote(trigger.name)} gets the name {quote(old)} as an argument: from expand on "
                f"rows have {quote(new)} in its place.",
                about=trigger.name,
            )
