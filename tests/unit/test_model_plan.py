"""Plans: data that the ledger keeps, and from which every later verb works."""

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from expandcontract.model.change import Change, Further, FurtherOld, Mode, Pair, Read, Side, Unfit
from expandcontract.model.forecast import Forecast
from expandcontract.model.names import RelationName
from expandcontract.model.notes import Note, Words
from expandcontract.model.phases import Section, Stage, State
from expandcontract.model.plan import Plan, from_data, to_data
from expandcontract.model.site import Site
from expandcontract.model.step import (
    Adopted,
    Concurrent,
    Deletion,
    Elsewhere,
    Lock,
    LockMode,
    Occasion,
    Purpose,
    Replacement,
    RowTransformation,
    Step,
    Sweep,
    Transactional,
    Transformation,
    Upkeep,
    ViewLock,
)
from expandcontract.model.undo import Undo
from expandcontract.model.upkeep import UNTIL_CONTRACT, KeptUp

TABLE = RelationName("app", "Guest Book")
LOCK = Lock('app."Guest Book"', LockMode.SHARE_UPDATE_EXCLUSIVE)
VIEW = ViewLock("app.guests", LockMode.ACCESS_EXCLUSIVE, view=True)


def full_plan() -> Plan:
    """Return a plan in which no field has its default."""
    steps = (
        Step(
            "a", "+", "Add.",
            Transactional(("SELECT 1", "SELECT 'ü'"), (LOCK,), patient=True), becomes=State.HIDDEN,
            reverse=("SELECT 2",), makes=Upkeep.SYNC, restores=(Stage.READY,), occasion=Occasion.FINISHED,
            brings=("DEFAULT",), adopts=Adopted("i", "btree (n)"), unique=("n",), beside=("SELECT 1",),
            ages=True,
            elsewhere=(Elsewhere(0, "app.other", takes_down=True),),
        ),
        Step("b", "~", "Build.", Concurrent("CREATE", "PROBE", "DROP", LOCK.relation, (LOCK,), again=True),
             by_size=True),
        Step(
            "c", "=", "Copy.",
            Sweep(Purpose.COPY, LOCK.relation, "true", (("n", "o"),), ("id",), "o", "n", refused="t.n < 0"),
            reversible=False,
        ),
    )  # fmt: skip
    return Plan(
        change=Change("0007_big", "change-type", {"column": "x", "one_way": True, "n": [1, None]}),
        table=TABLE,
        pair=Pair(
            TABLE,
            Side("o", "integer", not_null=True, default="0", after="~o"),
            Side("n", "bigint", volatile_default=True, after="o"),
            mode=Mode.FILL,
            forward=RelationName("s", "f"),
            back=RelationName("s", "b"),
            one_way=True,
            fills_null=True,
            old_plain_equality=True,
            new_plain_equality=True,
            unfit=Unfit.RECORD,
            more=(Further("m", "text", forward=RelationName("s", "g"), plain_equality=True),),
            old_more=(FurtherOld("p", "text", after="~p", back=RelationName("s", "c"), plain_equality=True),),
            reads=(Read("r", "text", plain_equality=True),),
            back_reads=(Read("b", "integer"),),
        ),
        sections={Section.EXPAND: steps[:1], Section.BACKFILL: steps[1:]},
        old_columns=("o",),
        new_columns=("n",),
        hidden_column="~o",
        upkeep=(
            KeptUp(
                "~ec_7", (RelationName("s", "t"),), (RelationName("s", "k"),), (Stage.READY, Stage.HIDDEN),
                "!ec_0007_big", ("o",), ("n",), notes_use=False, site=1,
            ),
        ),
        catalog={"columns": [{"name": "o", "default": None}]},
        swap=True,
        costs=(Note("C1", "Costs."),),
        hazards=(Note("H1", "Hazard.", acknowledge=True), Note("H2", "Rows.", found="3.")),
        server_version=180004,
        noted_every=timedelta(seconds=1),
        remade=("watch ON public.t",),
        undo=Undo("t.x IS NULL", "t.x < 0", "t.y <> t.x", "UPDATE"),
        claims=("k",),
        enforces=("b is never NULL",),
        words=Words("about", "ready", "contracted", "what goes"),
        given="t.email IS DISTINCT FROM NULL",
        aside=RelationName("public", "~ec_orders"),
        final_table=RelationName("public", "bills"),
        uses=("id",),
        others=(
            Site(
                RelationName("public", "lines"),
                claims=None,
                uses=("number",),
                may_go=True,
                pair=Pair(TABLE, Side("o", "integer", after="~o"), Side("n", "bigint", after="o")),
                key=("number",),
            ),
        ),
        forecast=Forecast(1_000, 81_920, 1_000, 163_840, 200_000, 40_960, 0.5),
        follows=("app.guests",),
        hidden_views=('app."~ec_guests"',),
        goes_along=("app.visitors",),
        views_anew=("app.guests",),
        makes_table=True,
        program_version="0.1.0",
    )  # fmt: skip


def test_a_plan_survives_the_ledger() -> None:
    """Written as jsonb and read back it is the same plan, with the same fingerprint."""
    plan = full_plan()
    read = from_data(json.loads(json.dumps(to_data(plan))))
    assert read == plan
    assert read.fingerprint == plan.fingerprint
    assert read.program_version == plan.program_version


def test_a_lock_on_a_view_stays_one() -> None:
    """It is taken otherwise than one on a table."""
    step = replace(full_plan().steps(Section.EXPAND)[0], action=Transactional(("SELECT 1",), (VIEW, LOCK)))
    plan = replace(full_plan(), sections={Section.EXPAND: (step,)})
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


def test_a_sweep_stays_what_it_is() -> None:
    """Each kind of sweep is told by its fields."""
    common: dict[str, Any] = {"purpose": Purpose.COPY, "table": "public.t", "wanted": "t.a IS NULL"}
    made: dict[str, Any] = {"columns": ("id", "a"), "values": (("a", "text"),), "again": "false"}
    for action in (
        Sweep(**common),
        Transformation(**common, function="m:f", type="text"),
        RowTransformation(**common, function="m:f", **made),
        RowTransformation(**common, function="m:f", **made, keeps=("a",)),
        Replacement(**common, keeps=("a",)),
        Deletion(**common, deletes=True, keeps=("a",)),
    ):
        step = replace(full_plan().steps(Section.EXPAND)[0], action=action)
        plan = replace(full_plan(), sections={Section.EXPAND: (step,)})
        (read,) = from_data(json.loads(json.dumps(to_data(plan)))).steps(Section.EXPAND)
        assert read.action == action
        assert type(read.action) is type(action)


def test_no_field_was_forgotten() -> None:
    """The round trip above covers every field: none of them has its default, but for how it is stored."""
    (add,) = full_plan().steps(Section.EXPAND)
    for whole in (full_plan(), full_plan().sides, full_plan().others[0], full_plan().upkeep[0], add):
        for field in fields(whole):
            if field.name not in {"format", "stored", "by_size", "reversible"}:
                assert getattr(whole, field.name) != field.default, field.name


def test_a_plan_of_before_columns_knew_their_names_is_read() -> None:
    """What a stored plan says of the names after contract, its columns say when it is read, and what undo
    asks is one value; it has the fingerprint that it had.
    """
    undo = Undo("t.x IS NULL", "t.x < 0")
    kept = replace(full_plan().upkeep[0], stages=UNTIL_CONTRACT, site=0)
    sides = replace(full_plan().sides, more=(), old_more=(), reads=(), back_reads=())
    plan = replace(full_plan(), pair=sides, undo=undo, upkeep=(kept,))
    stored = json.loads(json.dumps(to_data(plan)))
    for side in ("old", "new"):
        del stored["pair"][side]["after"]
    for field in ("more", "old_more", "reads", "back_reads"):
        del stored["pair"][field]
    del stored["format"], stored["undo"], stored["upkeep"]
    stored |= {"not_held": undo.not_held, "barred": undo.barred}
    stored |= {"trigger": kept.trigger, "first_trigger": kept.first_trigger}
    stored |= {
        key: [{"schema": "s", "name": name}] for key, name in (("functions", "t"), ("hidden_functions", "k"))
    }
    read = from_data(stored)
    assert read == plan
    assert read.fingerprint == "daeacae1e310"
    assert read.columns_in(State.ACTIVE) == ("o", "n")
    assert read.columns_in(State.HIDDEN) == ("~o", "o")


def test_a_section_without_steps_is_empty() -> None:
    """Not every kind has something to do everywhere."""
    assert full_plan().steps(Section.PURGE) == ()


CHANGED: dict[str, dict[str, Any]] = {
    "change": {"change": Change("0007_big", "change-type", {"column": "y"})},
    "pair": {"pair": replace(full_plan().sides, unfit=Unfit.REFUSE)},
    "a step": {"sections": {Section.EXPAND: ()}},
    "a hazard": {"hazards": ()},
}


@pytest.mark.parametrize("changes", CHANGED.values(), ids=CHANGED.keys())
def test_what_runs_makes_the_fingerprint(changes: dict[str, Any]) -> None:
    """Whatever a reviewer has approved cannot change unnoticed."""
    assert replace(full_plan(), **changes).fingerprint != full_plan().fingerprint


def test_what_does_not_run_leaves_the_fingerprint() -> None:
    """Another server version or program with the same steps needs no second review."""
    other = replace(full_plan(), server_version=160000, program_version="0.2.0", costs=())
    assert other.fingerprint == full_plan().fingerprint


def test_locks_that_a_step_takes() -> None:
    """Its own, or those that reading or writing rows takes."""
    add, build, copy = (*full_plan().steps(Section.EXPAND), *full_plan().steps(Section.BACKFILL))
    assert add.locks == build.locks == (LOCK,)
    assert copy.locks == (Lock(LOCK.relation, LockMode.ROW_EXCLUSIVE),)
    compare = replace(copy, action=Sweep(Purpose.COMPARE, LOCK.relation, "true"))
    assert compare.locks == (Lock(LOCK.relation, LockMode.ACCESS_SHARE),)


def test_what_is_not_a_plan() -> None:
    """Data of a later program, or of nobody, is refused."""
    with pytest.raises(ValidationError):
        from_data({"change": {}})


def test_a_rename_is_an_identity() -> None:
    """Without expressions both sides hold the very same value, unless nothing goes back."""
    plain = Pair(TABLE, Side("o", "text"), Side("n", "text"))
    assert plain.identity
    assert not replace(plain, one_way=True).identity
    assert not full_plan().sides.identity


def test_what_was_found_in_rows_leaves_the_fingerprint() -> None:
    """Rows come and go: what a look at them found, or no longer finds, needs no second review."""
    plan = full_plan()
    lost = replace(plan, hazards=plan.hazards[:1])
    more = replace(plan, hazards=(*plan.hazards, Note.hazard("unfit", "Values do not fit.", found="7 of 9.")))
    assert lost.fingerprint == more.fingerprint == plan.fingerprint


def test_a_hazard_is_acknowledged_once_for_each_code() -> None:
    """A code names itself, with what it is about; notes need nobody."""
    made = (
        Note("cost", "Takes time."),
        Note.hazard("trigger", "It reads.", about="slug", found="1 row."),
        Note.hazard("trigger", "It reads.", about="audit"),
        Note.hazard("trigger", "It reads once more.", about="slug"),
    )
    plan = replace(full_plan(), hazards=made)
    assert [note.code for note in plan.to_acknowledge] == ["trigger:slug", "trigger:audit"]
    assert made[1].said == "It reads. 1 row."


def test_what_a_step_is_for_leaves_the_fingerprint() -> None:
    """It says when the engine runs a step, and nothing of what the step does."""
    plan = full_plan()
    bare = {
        section: tuple(Step(each.id, each.symbol, each.sentence, each.action, becomes=each.becomes,
                            by_size=each.by_size, reversible=each.reversible, reverse=each.reverse)
                       for each in steps)
        for section, steps in plan.sections.items()
    }  # fmt: skip
    assert replace(plan, sections=bare) != plan
    assert replace(plan, sections=bare).fingerprint == plan.fingerprint


def test_a_plan_keeps_the_fingerprint_under_which_it_was_stored() -> None:
    """Whoever approved it approved that; a program that knows more of plans changes nothing about it."""
    stored = to_data(full_plan())
    for step in stored["sections"][Section.EXPAND]:
        del step["reverse"]  # as a program stored it that knew of none
    read = from_data(stored)
    assert read.fingerprint != replace(read, stored="").fingerprint
    assert from_data(json.loads(json.dumps(stored))).fingerprint == read.fingerprint
