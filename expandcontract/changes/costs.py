"""What a pair of columns costs the application while it lasts. Pure."""

from collections.abc import Iterator

from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot


def of_pair(snapshot: Snapshot, column: Column) -> Iterator[Note]:
    """What the change costs the application while it lasts, as measured (docs/benchmarks.md)."""
    yield Note(
        "update",
        "An UPDATE that does not touch the pair: about 0.6 us a row more; a HOT one writes 128 instead of "
        "72 bytes of WAL.",
    )
    yield Note(
        "old-write",
        "A write of the old side alone: 1 to 2 us a row in bulk, 10 to 20 us a statement more. COPY "
        "takes up to twice the time.",
    )
    yield Note(
        "cached-plan",
        "One retryable error for each connection that caches SELECT * (at expand) or names the column (at "
        "a same-name swap). psycopg 3 in autocommit keeps such a statement: there each call fails until the "
        "connection is closed, unless it has prepare_threshold=None.",
    )
    yield Note(
        "repeatable-read",
        "A REPEATABLE READ transaction that writes a row of the current batch gets 40001 and must be "
        "retried.",
    )
    yield Note(
        "column-list",
        "COPY and INSERT without a list of columns meet one column more, and after contract the hidden one"
        f"{_later_order(snapshot, column)}: name the columns in code.",
    )
    if snapshot.relation.publications:
        yield Note(
            "replicated",
            "Each row that the backfill writes is sent to subscribers: with --replication-origin under a "
            "mark by which they can tell.",
        )
    yield Note(
        "standby",
        "A hot standby cancels queries that hold back the replay of a brief lock: "
        "max_standby_streaming_delay.",
    )
    if column.storage in (None, "extended", "external"):
        yield Note(
            "toast",
            "A TOASTed value of the pair is compared at 0.4 ms for each 500 kB, at each write of its row.",
        )
    if snapshot.indexes:
        yield Note(
            "space",
            "The heap grows by a fifth to a half while rows are copied; indexes hardly. Settling builds "
            "each index that uses the column once more.",
        )
    yield from _order(snapshot)
    if snapshot.row_versions:
        who = ", ".join(f"{each.kind} {each.name}" for each in snapshot.row_versions)
        yield Note(
            "row-version",
            f"{who} reads xmin of {snapshot.table}, as if it were a row's version: the backfill writes each "
            "row once more, and each looks changed. Whether an application does so, no catalog says.",
        )


def _later_order(snapshot: Snapshot, column: Column) -> str:
    """What an INSERT without a list of columns meets once the old column is dropped: values go where they
    were not meant to, and where the types allow it nobody hears of it.
    """
    names = [each.name for each in snapshot.columns]
    if column.name == names[-1]:
        return ""
    after = quote(names[names.index(column.name) + 1])
    return (
        f"; from purge on the new column stands last, so that what they give for {quote(column.name)} goes "
        f"into {after}, and so on, without an error where the types allow it"
    )


def _order(snapshot: Snapshot) -> Iterator[Note]:
    """What rests on where rows lie: the backfill writes each of them once more, mostly on another page."""
    brin = [quote(index.name) for index in snapshot.indexes if index.definition.startswith("brin ")]
    if brin:
        yield Note(
            "brin",
            f"BRIN index {', '.join(brin)}: rows leave the pages on which they were inserted, and the "
            "ranges get wider. Make it anew after the backfill (REINDEX CONCURRENTLY), or order the rows.",
        )
    for index in snapshot.indexes:
        if index.clustered:
            yield Note(
                "cluster",
                f"{snapshot.table} is marked for CLUSTER by {quote(index.name)}: its rows lie less in "
                "that order after the backfill.",
            )
