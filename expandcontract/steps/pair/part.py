"""The pair as a part of a change. It encloses what its old side hands on: whatever keeps the sides in sync is
taken down before names are turned, and put up again after all that goes along with them.
"""

from expandcontract.model.names import quote
from expandcontract.model.phases import State
from expandcontract.model.step import Step, Transactional
from expandcontract.steps import keep_on_rollback, tables
from expandcontract.steps.carry import labels, storage
from expandcontract.steps.pair import sweeps, upkeep
from expandcontract.steps.pair.columns import Columns
from expandcontract.steps.parts import Part, Sentences


def part(columns: Columns) -> Part:
    """Return all that the pair adds to a change, from the column's coming to its going."""
    carried, keeping, table = columns.carried, columns.keeping, f"ALTER TABLE {columns.table.sql}"
    kept = () if keeping is None else keep_on_rollback.drop(keeping)
    hidden = [quote(each.hidden) for each in columns.subjects]
    return Part(
        expand=(_add(columns),),
        dual_write=(upkeep.dual_write(columns),),
        backfill=(sweeps.copy(columns), *carried.backfill, upkeep.make_ready(columns)),
        verify=(sweeps.compare(columns),),
        repair=(
            *upkeep.restores(columns),
            *(() if keeping is None else (keep_on_rollback.stop(keeping),)),
        ),
        before_contract=carried.before_contract,
        turning=carried.turning,
        contract=_contract(columns),
        before_undo=carried.before_undo,
        returning=carried.returning,
        undo=_undo(columns),
        after_undo=carried.after_undo,
        before_rollback=() if keeping is None else keep_on_rollback.steps(keeping),
        rollback=(
            *kept,
            *upkeep.gone(columns),
            *carried.rollback,
            *(f"{table} DROP COLUMN IF EXISTS {quote(new)}" for new in columns.pair.new_columns),
            *upkeep.conversions_gone(columns),
        ),
        beside=upkeep.without_table(columns),
        purge=(
            *upkeep.gone(columns),
            *carried.purge,
            # Files are unlinked after the locks are released, so indexes that go along do not prolong them.
            *(f"{table} DROP COLUMN {each}" for each in hidden),
            *upkeep.conversions_gone(columns),
        ),
        also_locked=carried.also_locked,
        below=columns.triggered[1:],
        upkeep=(upkeep.kept_up(columns),),
        follows=carried.follows,
        hidden_views=carried.hidden_views,
        views_anew=carried.views_anew,
        remade=carried.remade,
        enforces=carried.enforces,
    )


def sentences(columns: Columns) -> Sentences:
    """Return what the steps that move the pair are called."""
    old, hidden = columns.old(), columns.old(State.HIDDEN)
    columns_, its = ("columns", "their") if columns.others else ("column", "its")
    return Sentences(
        contract=_hides(columns),
        undo=f"bring {old} back, in sync as before",
        rollback=f"remove {columns.new} and what keeps {'them' if columns.pair.more else 'it'} in sync",
        purge=f"drop the hidden {columns_} {hidden} with {its} values: there is no way back from here",
    )


def _hides(columns: Columns) -> str:
    sentence = f"hide {columns.old()} as {columns.old(State.HIDDEN)}"
    if columns.subject.swap:
        sentence += f" and give its name to the new column, {columns.pair.new.type}"
    return sentence


def _add(columns: Columns) -> Step:
    collations = (columns.collation, *columns.more_collations)
    news = [f"{quote(new.column)} {new.type}" for new in columns.pair.news]
    # Nullable and without default, so that nothing is rewritten or scanned under the lock.
    adds = (
        f"ALTER TABLE {columns.table.sql} ADD COLUMN {new}" + ("" if each is None else f" COLLATE {each}")
        for new, each in zip(news, collations, strict=True)
    )
    stored: tuple[str, ...] = ()
    if not (columns.pair.more or columns.others):
        stored = (*storage.statements(columns.subject), *labels.statements(columns.subject))
    action = Transactional((*adds, *stored), tables.access_exclusive(columns.table))
    return Step("add_column", "+", f"add column {' and '.join(news)}", action)


def _contract(columns: Columns) -> tuple[str, ...]:
    return (
        *upkeep.down(columns, must_be_there=True),
        *(_rename(columns, each.column.name, each.hidden) for each in columns.subjects),
        *_swapped(columns, columns.subject.new, columns.subject.final),
        *columns.carried.contract,
        *upkeep.hidden_current(columns),
        f"DROP FUNCTION {columns.sync.function.sql}()",
    )


def _undo(columns: Columns) -> tuple[str, ...]:
    return (
        *upkeep.down(columns),
        f"DROP FUNCTION IF EXISTS {columns.sync.keeper.sql}()",
        *_swapped(columns, columns.subject.final, columns.subject.new),
        *(_rename(columns, each.hidden, each.column.name) for each in columns.subjects),
        *columns.carried.undo,
        *upkeep.in_sync(columns, ready=True, first=columns.sync.watched),
    )


def _swapped(columns: Columns, name: str, to: str) -> tuple[str, ...]:
    return (_rename(columns, name, to),) if columns.subject.swap else ()


def _rename(columns: Columns, name: str, to: str) -> str:
    return f"ALTER TABLE {columns.table.sql} RENAME COLUMN {quote(name)} TO {quote(to)}"
