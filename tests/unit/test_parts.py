"""Parts of a change: what each adds to a section comes in one order, under one set of locks."""

from dataclasses import replace

import pytest

from expandcontract.changes.compose import compose
from expandcontract.engine import planner
from expandcontract.model.change import Change
from expandcontract.model.names import RelationName
from expandcontract.model.notes import Words
from expandcontract.model.phases import Section
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.model.upkeep import KeptUp
from expandcontract.postgres.catalog.relation import LeafTable
from expandcontract.steps.parts import Part, Sentences, sections, together
from tests.property import kept_catalogs

TABLE, OTHER, CHILD, VIEW = (RelationName("public", name) for name in ("orders", "users", "old_orders", "v"))
SAID = Sentences("remove", "hide", "unhide", "drop")
KEPT = {each.kind: each for each in reversed(kept_catalogs.read())}
TURNS = (Section.CONTRACT, Section.UNDO, Section.ROLLBACK, Section.PURGE)


def _turns(*parts: Part) -> dict[Section, Transactional]:
    found = {}
    for section, steps in sections(TABLE, parts, SAID).items():
        for step in steps:
            if step.becomes is not None:
                assert isinstance(step.action, Transactional)
                found[section] = step.action
    return found


def _step(name: str) -> Step:
    return Step(name, "+", name, Transactional((name,)))


def test_a_part_is_taken_back_before_what_it_rests_on() -> None:
    """Contract and purge go from the first part to the last, undo and rollback the other way."""
    first, second = (
        Part(contract=(f"{n} off",), undo=(f"{n} on",), rollback=(f"{n} gone",), purge=(f"{n} out",))
        for n in ("1", "2")
    )
    turns = _turns(first, second)
    assert turns[Section.CONTRACT].statements == ("1 off", "2 off")
    assert turns[Section.UNDO].statements == ("2 on", "1 on")
    assert turns[Section.ROLLBACK].statements == ("2 gone", "1 gone")
    assert turns[Section.PURGE].statements == ("1 out", "2 out")


def test_parts_that_are_one_keep_their_order() -> None:
    """Whichever way it goes: names that the first one turns the second one rests on."""
    one, two = (
        Part(before_contract=(_step(n),), contract=(f"{n} off",), undo=(f"{n} on",)) for n in ("1", "2")
    )
    turns = _turns(together((one, replace(two, lock=LockMode.SHARE))), Part(undo=("3 on",)))
    assert turns[Section.CONTRACT].statements == ("1 off", "2 off")
    assert turns[Section.UNDO].statements == ("3 on", "1 on", "2 on")
    assert turns[Section.CONTRACT].locks[0].mode == LockMode.ACCESS_EXCLUSIVE


def test_locks_are_taken_in_the_order_of_the_application() -> None:
    """What the table refers to, the table, its children by inheritance. No view: all that is done about
    those is done before a turn.
    """
    part = Part(
        contract=("a",), undo=("b",), rollback=("c",), purge=("d",),
        also_locked=(OTHER,), below=(CHILD,), follows=(VIEW,),
    )  # fmt: skip
    for turn in _turns(part).values():
        assert [lock.relation for lock in turn.locks] == [OTHER.sql, TABLE.sql, CHILD.sql]


def test_what_is_done_right_before_a_turn_comes_after_all_that_takes_time() -> None:
    """Of whichever part: it is seen, and taken back where the turn does not come about."""
    first, second = (
        Part(
            before_contract=(_step(f"{n} builds"),), turning=(_step(f"{n} turns"),), contract=(n,),
            before_undo=(_step(f"{n} fills"),), returning=(_step(f"{n} returns"),), undo=(n,),
        )
        for n in ("1", "2")
    )  # fmt: skip
    found = sections(TABLE, (first, second), SAID)
    assert [step.id for step in found[Section.CONTRACT]] == [
        "1 builds", "2 builds", "1 turns", "2 turns", "hide",
    ]  # fmt: skip
    assert [step.id for step in found[Section.UNDO]] == [
        "2 fills", "1 fills", "2 returns", "1 returns", "unhide",
    ]  # fmt: skip


def test_a_table_has_one_trigger_of_a_change() -> None:
    """Nobody would look for a second one: parts that both bring one are a mistake, and make no plan."""
    snapshot = KEPT["drop-column"].catalog.snapshot
    parts = [Part(upkeep=(KeptUp(name, ()),)) for name in ("~ec_1", "~ec_2")]
    with pytest.raises(AssertionError, match="more than one thing on a table"):
        compose(Change("0001", "x", {}), snapshot, parts, Words(), SAID, claims=())


@pytest.mark.parametrize("kind", ["change-type", "drop-column", "set-not-null"])
def test_a_table_is_locked_before_its_children(kind: str) -> None:
    """As PostgreSQL locks them for whoever names the table: the other way round would be a deadlock with any
    statement of the application that has begun.
    """
    kept = KEPT[kind]
    snapshot = kept.catalog.snapshot
    leaves = (*snapshot.relation.leaves, LeafTable(CHILD))
    relation = replace(snapshot.relation, leaves=leaves)
    catalog = replace(kept.catalog, snapshot=replace(snapshot, relation=relation))
    plan = planner.compose(Change("0001", kind, kept.fields), catalog, "expandcontract")
    for section in TURNS:
        for step in plan.steps(section):
            named = [lock.relation for lock in step.locks]
            if step.becomes is not None and CHILD.sql in named:
                assert named.index(snapshot.table.sql) < named.index(CHILD.sql), (section, step.id)
    contract = plan.steps(Section.CONTRACT)[-1]
    assert [lock.relation for lock in contract.locks][-1] == CHILD.sql
