"""The steps of a pair of columns on one table, from expand to purge."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from expandcontract.model.change import Pair
from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import Section, Stage, State
from expandcontract.model.step import (
    Lock,
    LockMode,
    Purpose,
    Step,
    Sweep,
    Transactional,
    Transformation,
    Upkeep,
    ViewLock,
)
from expandcontract.steps import keep_on_rollback, tables, views
from expandcontract.steps.carry import TRAITS, Subject, Trait, checks
from expandcontract.steps.carry import views as following
from expandcontract.steps.keep_on_rollback import Keeping
from expandcontract.steps.sync import conversions, predicates, triggers
from expandcontract.steps.sync.conversions import Conversion
from expandcontract.steps.sync.triggers import Sync

T = TypeVar("T")


@dataclass(frozen=True)
class Columns:
    """A subject with what keeps it in sync: all that the steps are made from. `others` are the subjects of
    further columns of the old side.

    `function` is the Python function that makes the new side's values, where one does, and `bare_type` their
    type without modifiers. `more_collations` are those of further columns of the new side, `traits` what the
    old column hands on.
    """

    subject: Subject
    sync: Sync
    collation: str | None
    conversions: tuple[Conversion, ...]
    function: str = ""
    bare_type: str = ""
    more_collations: tuple[str | None, ...] = ()
    traits: tuple[Trait, ...] = TRAITS
    others: tuple[Subject, ...] = ()

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """One for each column of the old side."""
        return (self.subject, *self.others)

    @property
    def table(self) -> RelationName:
        return self.subject.table

    @property
    def triggered(self) -> tuple[RelationName, ...]:
        return self.subject.snapshot.triggered


def sections(columns: Columns) -> dict[Section, tuple[Step, ...]]:
    """Return all steps of the pair."""
    return {
        Section.EXPAND: (_add_column(columns),),
        Section.DUAL_WRITE: (_dual_write(columns),),
        Section.BACKFILL: (_copy(columns), *_settle(columns), _make_ready(columns)),
        Section.VERIFY: (_compare(columns),),
        Section.REPAIR: (
            _restore(columns, ready=False),
            _restore(columns, ready=True),
            *_restore_hidden(columns),
            *(() if columns.subject.pair.more else (keep_on_rollback.stop(_keeping(columns)),)),
        ),
        Section.CONTRACT: (*_before_hide(columns), _hide(columns)),
        Section.UNDO: (*_before_unhide(columns), _unhide(columns), *_after_unhide(columns)),
        Section.ROLLBACK: (
            *(() if columns.subject.pair.more else keep_on_rollback.steps(_keeping(columns))),
            _remove(columns),
        ),
        Section.PURGE: (_drop(columns),),
    }


def named(pair: Pair) -> str:
    """Return the columns of the new side, for a sentence."""
    return " and ".join(map(quote, pair.new_columns))


def _named_olds(pair: Pair, state: State = State.ACTIVE) -> str:
    return " and ".join(quote(each.at(state)) for each in pair.olds)


def functions(columns: Columns) -> tuple[RelationName, ...]:
    """The functions that keep the sides in sync before contract."""
    return (columns.sync.function, *_converting(columns), *triggers.parsed(columns.sync))


def hidden_functions(columns: Columns) -> tuple[RelationName, ...]:
    """The functions that keep the hidden side current after contract."""
    return (
        _converting(columns)
        if columns.subject.pair.one_way
        else (columns.sync.keeper, *_converting(columns), *triggers.parsed(columns.sync))
    )


def _converting(columns: Columns) -> tuple[RelationName, ...]:
    return _flat((c.name,) if c.total else (c.name, c.partial) for c in columns.conversions)


def _add_column(columns: Columns) -> Step:
    pair = columns.subject.pair
    collations = (columns.collation, *columns.more_collations)
    news = [f"{quote(new.column)} {new.type}" for new in (pair.new, *pair.more)]
    # Nullable and without default, so that nothing is rewritten or scanned under the lock.
    adds = (
        f"ALTER TABLE {columns.table.sql} ADD COLUMN {new}" + ("" if each is None else f" COLLATE {each}")
        for new, each in zip(news, collations, strict=True)
    )
    carried = _flat(trait.expand(subject) for trait in columns.traits for subject in columns.subjects)
    return Step(
        "add_column",
        "+",
        f"add column {' and '.join(news)}",
        Transactional((*adds, *carried), tables.access_exclusive(columns.table)),
    )


def _dual_write(columns: Columns) -> Step:
    statements = (
        *_flat(conversions.create(conversion) for conversion in columns.conversions),
        *_sync(columns, ready=False, first=columns.sync.watched),
    )
    pair = columns.subject.pair
    old, new = _named_olds(pair), named(pair)
    sentence = f"keep {old} and {new} in sync from now on, whoever writes"
    if pair.old_more:
        sentence = f"keep {old} in sync with {new} from now on, whoever writes"
    if pair.computed_outside:
        sentence = f"empty {new} from now on where {old} changes without it, whoever writes"
    return Step(
        "sync_trigger",
        "+",
        sentence,
        Transactional(statements, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *columns.triggered)),
        makes=Upkeep.SYNC,
    )


def _sync(columns: Columns, *, ready: bool, first: bool) -> tuple[str, ...]:
    return (
        *triggers.create_parsed(columns.sync),
        triggers.create_sync_function(columns.sync, ready=ready),
        f"GRANT EXECUTE ON FUNCTION {columns.sync.function.sql}() TO PUBLIC",
        *triggers.create_sync_trigger(columns.sync, columns.triggered, first=first),
    )


def _restore(columns: Columns, *, ready: bool) -> Step:
    drops = triggers.drop_triggers(columns.sync, columns.triggered)
    create = _flat(conversions.create(conversion) for conversion in columns.conversions)
    return Step(
        f"restore:{'ready' if ready else 'filling'}",
        "~",
        f"put the sync trigger back as it must be {'from' if ready else 'until'} "
        f"ready{' on' if ready else ''}",
        Transactional(
            (*drops, *create, *_sync(columns, ready=ready, first=True)),
            tables.access_exclusive(*columns.triggered),
        ),
        makes=Upkeep.SYNC,
        restores=(Stage.READY if ready else Stage.BEFORE_READY,),
    )


def _restore_hidden(columns: Columns) -> tuple[Step, ...]:
    keeper = triggers.create_keeper(columns.sync, columns.triggered)
    if not keeper:
        return ()
    drops = triggers.drop_triggers(columns.sync, columns.triggered)
    create = (
        *_flat(conversions.create(conversion) for conversion in columns.conversions),
        *triggers.create_parsed(columns.sync),
    )
    return (
        Step(
            "restore:hidden",
            "~",
            f"put back what keeps {_named_olds(columns.subject.pair, State.HIDDEN)} current after contract",
            Transactional((*drops, *create, *keeper), tables.access_exclusive(*columns.triggered)),
            makes=Upkeep.HIDDEN,
            restores=(Stage.HIDDEN,),
        ),
    )


def _copy(columns: Columns) -> Step:
    pair = columns.subject.pair
    if pair.computed_outside:
        return _transform(columns)
    old = predicates.old_values(pair, "t")
    action = _sweep(
        columns,
        Purpose.COPY,
        _writable(columns, predicates.out_of_sync(pair, "t")),
        assignments=tuple(zip(map(quote, pair.new_columns), predicates.forward(pair, old), strict=True)),
    )
    return Step("copy", "=", f"fill {named(pair)} in rows that were there before", action, by_size=True)


def _writable(columns: Columns, wanted: str) -> str:
    """Leave out rows that PostgreSQL lets nobody update: one of them would stop the whole copy."""
    broken = [predicates.refused_by(check, "t") for check in checks.unchecked(columns.subject)]
    return " AND ".join((f"({wanted})", *(f"NOT ({each})" for each in broken))) if broken else wanted


def _transform(columns: Columns) -> Step:
    pair = columns.subject.pair
    action = Transformation(
        **vars(_sweep(columns, Purpose.COPY, _writable(columns, predicates.out_of_sync(pair, "t")))),
        function=columns.function,
        type=columns.bare_type,
    )
    old, new = quote(pair.old.column), quote(pair.new.column)
    sentence = f"fill {new} with what {columns.function} makes of {old}, outside of the database"
    return Step("copy", "=", sentence, action, by_size=True)


def _compare(columns: Columns) -> Step:
    pair = columns.subject.pair
    # A value that the new side cannot hold keeps contract shut like one that drifted, and so does a row that
    # a rule of it will refuse.
    refused = _flat(trait.refused(subject) for trait in columns.traits for subject in columns.subjects)
    action = _sweep(
        columns,
        Purpose.COMPARE,
        predicates.either(predicates.mismatch(pair, "t"), *refused),
        unfit=predicates.unfit(pair, "t") or "false",
        refused=predicates.either(*refused) if refused else "false",
    )
    return Step(
        "compare",
        "=",
        f"compare {_named_olds(pair)} {'with' if pair.old_more else 'and'} {named(pair)} in every row",
        action,
        by_size=True,
    )


def _keeping(columns: Columns) -> Keeping:
    return Keeping(
        change=columns.sync.change,
        pair=columns.subject.pair,
        trigger=columns.sync.trigger,
        tables=tuple(table.sql for table in columns.triggered),
        key=tuple(columns.subject.snapshot.primary_key),
        schema=columns.sync.schema,
        ledger=columns.sync.ledger,
    )


def _sweep(
    columns: Columns,
    purpose: Purpose,
    wanted: str,
    *,
    assignments: tuple[tuple[str, str], ...] = (),
    unfit: str = "false",
    refused: str = "false",
) -> Sweep:
    pair = columns.subject.pair
    return Sweep(
        purpose,
        columns.table.sql,
        wanted,
        assignments,
        key=tuple(quote(column) for column in columns.subject.snapshot.primary_key),
        old=predicates.shown(predicates.old_values(pair, "t")) if pair.old_more else quote(pair.old.column),
        new=predicates.shown(predicates.new_values(pair, "t")) if pair.more else quote(pair.new.column),
        unfit=unfit,
        refused=refused,
        own_path=purpose == Purpose.COPY,
    )


def _settle(columns: Columns) -> tuple[Step, ...]:
    return _flat(trait.settle(subject) for trait in columns.traits for subject in columns.subjects)


def _make_ready(columns: Columns) -> Step:
    subject = columns.subject
    statements = [triggers.create_sync_function(columns.sync, ready=True)]
    locks: tuple[Lock, ...] = ()
    if subject.default is not None:
        # The default and the function that compares with it come together: apart, a row with the default
        # would count as given.
        statements.append(
            f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)} SET DEFAULT {subject.default}"
        )
        locks = tables.access_exclusive(subject.table)
    counts = "count" if subject.pair.more else "counts"
    sentence = f"ready: {named(subject.pair)} {counts} as filled in every row"
    if subject.pair.computed_outside:
        sentence = f"ready: {quote(subject.new)} was filled in every row"
    brings = () if subject.default is None else ("DEFAULT",)
    action = Transactional(tuple(statements), locks)
    return Step("ready", "~", sentence, action, makes=Upkeep.SYNC, brings=brings)


def _before_hide(columns: Columns) -> tuple[Step, ...]:
    return _flat(trait.before_hide(subject) for trait in columns.traits for subject in columns.subjects)


def _hide(columns: Columns) -> Step:
    subject, table = columns.subject, columns.table.sql
    statements = [
        *triggers.drop_triggers(columns.sync, columns.triggered, must_be_there=True),
        *(
            f"ALTER TABLE {table} RENAME COLUMN {quote(each.column.name)} TO {quote(each.hidden)}"
            for each in columns.subjects
        ),
    ]
    if subject.swap:
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {quote(subject.new)} TO {quote(subject.final)}")
    statements += _flat(trait.hide(each) for trait in columns.traits for each in columns.subjects)
    statements += triggers.create_keeper(columns.sync, columns.triggered)
    statements.append(f"DROP FUNCTION {columns.sync.function.sql}()")
    sentence = f"hide {_named_olds(subject.pair)} as {_named_olds(subject.pair, State.HIDDEN)}"
    if subject.swap:
        sentence += f" and give its name to the new column, {subject.pair.new.type}"
    found = following.following(subject)
    if found:
        names = ", ".join(quote(view.name) for view in found)
        sentence += (
            f"; {'views' if found[1:] else 'view'} {names} {'read' if found[1:] else 'reads'} the new one"
        )
    return Step(
        "hide",
        "~",
        sentence,
        Transactional(tuple(statements), _turning(columns)),
        becomes=State.HIDDEN,
        makes=Upkeep.HIDDEN,
    )


def _before_unhide(columns: Columns) -> tuple[Step, ...]:
    return _flat(trait.before_unhide(subject) for trait in columns.traits for subject in columns.subjects)


def _unhide(columns: Columns) -> Step:
    subject, table = columns.subject, columns.table.sql
    statements = [
        *triggers.drop_triggers(columns.sync, columns.triggered),
        f"DROP FUNCTION IF EXISTS {columns.sync.keeper.sql}()",
    ]
    if subject.swap:
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {quote(subject.final)} TO {quote(subject.new)}")
    statements += (
        f"ALTER TABLE {table} RENAME COLUMN {quote(each.hidden)} TO {quote(each.column.name)}"
        for each in columns.subjects
    )
    statements += _flat(trait.unhide(each) for trait in columns.traits for each in columns.subjects)
    statements += _sync(columns, ready=True, first=columns.sync.watched)
    sentence = f"bring {_named_olds(subject.pair)} back, in sync as before"
    return Step(
        "unhide",
        "~",
        sentence,
        Transactional(tuple(statements), _turning(columns)),
        becomes=State.ACTIVE,
        makes=Upkeep.SYNC,
    )


def _after_unhide(columns: Columns) -> tuple[Step, ...]:
    return _flat(trait.after_unhide(subject) for trait in columns.traits for subject in columns.subjects)


def _remove(columns: Columns) -> Step:
    subject = columns.subject
    drops = (
        f"ALTER TABLE {columns.table.sql} DROP COLUMN IF EXISTS {quote(new)}"
        for new in subject.pair.new_columns
    )
    statements = (
        *(() if subject.pair.more else keep_on_rollback.drop(_keeping(columns))),
        *_drop_sync(columns),
        *drops,
        *_drop_conversions(columns),
    )
    beside = (*triggers.drop_functions(columns.sync), *_drop_conversions(columns))
    return Step(
        "remove",
        "-",
        f"remove {named(subject.pair)} and what keeps {'them' if subject.pair.more else 'it'} in sync",
        Transactional(statements, _all_locks(columns)),
        becomes=State.ROLLED_BACK,
        beside=beside,
    )


def _drop(columns: Columns) -> Step:
    # Files are unlinked after the locks are released, so indexes that go with the column do not prolong them.
    drops = (f"ALTER TABLE {columns.table.sql} DROP COLUMN {quote(each.hidden)}" for each in columns.subjects)
    columns_, its = ("columns", "their") if columns.others else ("column", "its")
    hidden = _named_olds(columns.subject.pair, State.HIDDEN)
    return Step(
        "drop",
        "-",
        f"drop the hidden {columns_} {hidden} with {its} values: there is no way back from here",
        Transactional(
            (*_drop_sync(columns), *_drop_views(columns), *drops, *_drop_conversions(columns)),
            _all_locks(columns),
        ),
        reversible=False,
        becomes=State.PURGED,
    )


def _drop_sync(columns: Columns) -> tuple[str, ...]:
    return triggers.drop_sync(columns.sync, columns.triggered)


def _drop_views(columns: Columns) -> tuple[str, ...]:
    return views.dropped(following.following(columns.subject)) if following.hidden(columns.subject) else ()


def _drop_conversions(columns: Columns) -> tuple[str, ...]:
    # After the column: its CHECKs and indexes do not use them, but the trigger's WHEN did.
    return _flat(conversions.drop(conversion) for conversion in columns.conversions)


def _turning(columns: Columns) -> tuple[Lock, ...]:
    views_ = following.following(columns.subject)
    found = (ViewLock(view.sql, LockMode.ACCESS_EXCLUSIVE, view=True) for view in views_)
    return (*found, *_all_locks(columns))


def _all_locks(columns: Columns) -> tuple[Lock, ...]:
    # Referenced tables first, for the order in which the application's own transactions reach them.
    also = _flat(trait.also_locked(subject) for trait in columns.traits for subject in columns.subjects)
    return tables.access_exclusive(*also, *columns.triggered)


def _flat(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(each for part in parts for each in part)
