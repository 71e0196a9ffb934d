"""What migrations do, in words of PostgreSQL, and which kind of change carries it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from expandcontract.changes import registry

#: Which kind carries an operation. What stands in no table here is carried by none.
CARRIED_BY = {
    "add column": "add-column",
    "add column NOT NULL": "add-column",
    "drop column": "drop-column",
    "rename column": "rename-column",
    "change type": "change-type",
    "set NOT NULL": "set-not-null",
    "drop NOT NULL": "drop-not-null",
    "set default": "set-default",
    "add check": "add-check",
    "add foreign key": "add-foreign-key",
    "add unique": "add-unique",
    "add primary key": "add-primary-key",
    "add exclusion": "add-exclusion",
    "validate constraint": "validate-constraint",
    "rename constraint": "rename-constraint",
    "drop constraint": "drop-constraint",
    "add index": "add-index",
    "drop index": "drop-index",
    "reindex": "reindex",
    "rename table": "rename-table",
    "drop table": "drop-table",
    "update rows": "update-rows",
    "delete rows": "delete-rows",
}
#: Kinds that always say no.
REFUSED = frozenset({"add-exclusion"})
#: What needs no two versions side by side: it is new, or PostgreSQL does it at once and old code goes on.
NOTHING_TO_CARRY = frozenset(
    {
        "create table",
        "insert rows",
        "create type",
        "add enum value",
        "create view",
        "create function",
        "create trigger",
        "create sequence",
        "create schema",
        "create extension",
        "statistics",
        "comment",
        "grant",
        "settings",
        "nothing in the database",
    }
)


@dataclass
class Migration:
    """One file of a history. What was not understood is an operation too: `unread: ...`."""

    name: str
    operations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Coverage:
    """How many operations each kind carries, and which are left; how many migrations are carried whole."""

    operations: int
    by_kind: dict[str, int]
    nothing: int
    left: dict[str, int]
    migrations: int
    with_work: int
    whole: int
    whole_with_work: int


def carrier(operation: str) -> str:
    """Return the kind that carries an operation, or the empty string."""
    kind = CARRIED_BY.get(operation, "")
    return kind if kind in registry.kinds() and kind not in REFUSED else ""


def measure(migrations: Iterable[Migration]) -> Coverage:
    """Return what could be carried of all of them."""
    found = [each for each in migrations if each.operations]
    every = [operation for each in found for operation in each.operations]
    work = [each for each in found if not NOTHING_TO_CARRY.issuperset(each.operations)]
    left = [each for each in every if not carrier(each) and each not in NOTHING_TO_CARRY]
    return Coverage(
        operations=len(every),
        by_kind=_counted(carrier(each) for each in every if carrier(each)),
        nothing=sum(each in NOTHING_TO_CARRY for each in every),
        left=_counted(left),
        migrations=len(found),
        with_work=len(work),
        whole=sum(_whole(each) for each in found),
        whole_with_work=sum(_whole(each) for each in work),
    )


def _whole(migration: Migration) -> bool:
    return all(carrier(each) or each in NOTHING_TO_CARRY for each in migration.operations)


def _counted(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def table(coverage: Coverage) -> Iterator[str]:
    """Yield the lines of the report."""
    yield f"{coverage.migrations:,} migrations, {coverage.operations:,} operations"
    yield ""
    yield "| kind | operations | share |"
    yield "|---|---|---|"
    for kind, count in coverage.by_kind.items():
        yield f"| {kind} | {count:,} | {_share(count, coverage.operations)} |"
    yield f"| (nothing to carry) | {coverage.nothing:,} | {_share(coverage.nothing, coverage.operations)} |"
    rest = sum(coverage.left.values())
    yield f"| (not carried) | {rest:,} | {_share(rest, coverage.operations)} |"
    if coverage.left:
        yield ""
        yield "| not carried | operations | share |"
        yield "|---|---|---|"
        for operation, count in list(coverage.left.items())[:20]:
            yield f"| {operation} | {count:,} | {_share(count, coverage.operations)} |"
    work = coverage.operations - coverage.nothing
    carried = sum(coverage.by_kind.values())
    yield ""
    yield f"Of {work:,} operations that must be carried: {_share(carried, work)}."
    share = _share(coverage.whole, coverage.migrations)
    yield f"Migrations carried whole: {coverage.whole:,} of {coverage.migrations:,}, {share}."
    yield (
        f"Of the {coverage.with_work:,} with something to carry: {coverage.whole_with_work:,}, "
        f"{_share(coverage.whole_with_work, coverage.with_work)}."
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
