"""What keeps the two sides in sync, as steps and as statements of those that turn the change."""

from itertools import chain

from expandcontract.model.names import RelationName, quote
from expandcontract.model.phases import Stage, State
from expandcontract.model.step import Lock, LockMode, Step, Transactional, Upkeep
from expandcontract.model.upkeep import UNTIL_CONTRACT, KeptUp
from expandcontract.steps import tables
from expandcontract.steps.pair.columns import Columns
from expandcontract.steps.sync import conversions, function, keeper, parsed, triggers


def kept_up(columns: Columns) -> KeptUp:
    """Return what stands, and when. Where nothing leads back, nothing keeps the hidden side current, and what
    converts values is there until purge all the same.
    """
    pair, sync = columns.pair, columns.sync
    converting, made = _converting(columns), parsed.names(sync)
    return KeptUp(
        trigger=sync.trigger,
        functions=(sync.function, *converting, *made),
        hidden_functions=converting if pair.one_way else (sync.keeper, *converting, *made),
        stages=UNTIL_CONTRACT if pair.one_way else (*UNTIL_CONTRACT, Stage.HIDDEN),
        first_trigger=sync.first,
        old_columns=pair.old_columns,
        new_columns=pair.new_columns,
        # The old name stays, and whoever uses it is old code or new.
        notes_use=not columns.subject.swap,
    )


def dual_write(columns: Columns) -> Step:
    """Return the step from which on whoever writes keeps the sides in sync."""
    statements = (*_conversions(columns), *in_sync(columns, ready=False, first=columns.sync.watched))
    old, new, pair = columns.old(), columns.new, columns.pair
    sentence = f"keep {old} and {new} in sync from now on, whoever writes"
    if pair.old_more:
        sentence = f"keep {old} in sync with {new} from now on, whoever writes"
    if pair.computed_outside:
        sentence = f"empty {new} from now on where {old} changes without it, whoever writes"
    action = Transactional(statements, tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *columns.triggered))
    return Step("sync_trigger", "+", sentence, action, makes=Upkeep.SYNC)


def make_ready(columns: Columns) -> Step:
    """Return the step from which on the new side counts as filled."""
    subject, pair = columns.subject, columns.pair
    statements = [function.create(columns.sync, ready=True)]
    locks: tuple[Lock, ...] = ()
    if subject.default is not None:
        # The default and the function that compares with it come together: apart, a row with the default
        # would count as given.
        statements.append(
            f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)} SET DEFAULT {subject.default}"
        )
        locks = tables.access_exclusive(subject.table)
    sentence = f"ready: {columns.new} {'count' if pair.more else 'counts'} as filled in every row"
    if pair.computed_outside:
        sentence = f"ready: {quote(subject.new)} was filled in every row"
    brings = () if subject.default is None else ("DEFAULT",)
    action = Transactional(tuple(statements), locks)
    return Step("ready", "~", sentence, action, makes=Upkeep.SYNC, brings=brings)


def restores(columns: Columns) -> tuple[Step, ...]:
    """Return the steps that put it back, one for each set of rules."""
    return _restore(columns, ready=False), _restore(columns, ready=True), *_restore_hidden(columns)


def _restore(columns: Columns, *, ready: bool) -> Step:
    again = (*down(columns), *_conversions(columns), *in_sync(columns, ready=ready, first=True))
    return Step(
        f"restore:{'ready' if ready else 'filling'}",
        "~",
        f"put the sync trigger back as it must be {'from' if ready else 'until'} "
        f"ready{' on' if ready else ''}",
        Transactional(again, tables.access_exclusive(*columns.triggered)),
        makes=Upkeep.SYNC,
        restores=(Stage.READY if ready else Stage.BEFORE_READY,),
    )


def _restore_hidden(columns: Columns) -> tuple[Step, ...]:
    keeps = hidden_current(columns)
    if not keeps:
        return ()
    again = (*down(columns), *_conversions(columns), *parsed.create(columns.sync), *keeps)
    return (
        Step(
            "restore:hidden",
            "~",
            f"put back what keeps {columns.old(State.HIDDEN)} current after contract",
            Transactional(again, tables.access_exclusive(*columns.triggered)),
            makes=Upkeep.HIDDEN,
            restores=(Stage.HIDDEN,),
        ),
    )


def in_sync(columns: Columns, *, ready: bool, first: bool) -> tuple[str, ...]:
    """Return the statements that keep both sides in sync, by the rules until ready, or from then on."""
    return (
        *parsed.create(columns.sync),
        function.create(columns.sync, ready=ready),
        f"GRANT EXECUTE ON FUNCTION {columns.sync.function.sql}() TO PUBLIC",
        *triggers.create(columns.sync, columns.triggered, first=first),
    )


def hidden_current(columns: Columns) -> tuple[str, ...]:
    """Return the statements that keep the hidden side current; none where nothing leads back."""
    return keeper.create(columns.sync, columns.triggered)


def down(columns: Columns, *, must_be_there: bool = False) -> tuple[str, ...]:
    """Return the statements that take the triggers down, whether or not they are there."""
    return triggers.drop(columns.sync, columns.triggered, must_be_there=must_be_there)


def gone(columns: Columns) -> tuple[str, ...]:
    """Return the statements that remove triggers and their functions, whether or not they are there."""
    return triggers.drop_sync(columns.sync, columns.triggered)


def without_table(columns: Columns) -> tuple[str, ...]:
    """Return the statements that remove what does not go with the table."""
    return (*triggers.drop_functions(columns.sync), *conversions_gone(columns))


def conversions_gone(columns: Columns) -> tuple[str, ...]:
    """Return the statements that remove what converts values: after the column, as its CHECKs and indexes do
    not use them, but the trigger's WHEN did.
    """
    converting = chain.from_iterable(conversions.drop(each) for each in columns.conversions)
    return (*converting, *parsed.drop_default(columns.sync))


def _conversions(columns: Columns) -> tuple[str, ...]:
    return tuple(chain.from_iterable(conversions.create(each) for each in columns.conversions))


def _converting(columns: Columns) -> tuple[RelationName, ...]:
    each = ((c.name,) if c.total else (c.name, c.partial) for c in columns.conversions)
    return tuple(chain.from_iterable(each))
