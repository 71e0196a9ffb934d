"""What a step does to tables that left is not missed; all else it does."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from expandcontract.engine import planner
from expandcontract.engine.departed import Departed, without
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError
from expandcontract.model.names import RelationName
from expandcontract.model.plan import Plan, from_data, to_data
from expandcontract.model.plan_formats import present
from expandcontract.model.step import Lock, LockMode, OnTable, Step, Transactional
from expandcontract.postgres.catalog.relation import LeafTable
from tests.property import kept_catalogs
from tests.property.kept_catalogs import Kept

GONE = Departed(missing=frozenset({"public.gone"}), apart=frozenset({'public."Set Apart"'}))
OWN = "public.events"
KEPT = (
    f"COMMENT ON TABLE {OWN} IS 'was TABLE public.gone before'",
    f"COMMENT ON TABLE {OWN} IS E'it\\'s not ON public.gone'",
    "CREATE FUNCTION ec.note() RETURNS trigger LANGUAGE plpgsql AS $ec$ -- ON public.gone\nBEGIN END $ec$",
    'ALTER TABLE public."ON public.gone" SET (fillfactor = 80)',
    "ALTER TABLE public.gone_since ADD CHECK (id > 0)",
)
CATALOGS = list(kept_catalogs.read())


def test_what_is_about_a_table_that_left_is_not_done() -> None:
    """Nothing is altered or locked that is not part of the table any more, but for our triggers on it."""
    action = Transactional(
        (
            OnTable("ALTER TABLE ONLY public.gone ENABLE ALWAYS TRIGGER t", "public.gone"),
            OnTable("DROP TRIGGER IF EXISTS t ON public.gone", "public.gone"),
            OnTable('DROP TRIGGER "~ec_t" ON public."Set Apart"', 'public."Set Apart"'),
            OnTable('ALTER TABLE public."Set Apart" ADD CHECK (true)', 'public."Set Apart"'),
            OnTable(f"ALTER TABLE {OWN} ADD CHECK (true)", OWN),
            "SELECT 'whatever it says ON public.gone'",
        ),
        tuple(Lock(name, LockMode.ACCESS_EXCLUSIVE) for name in ("public.gone", 'public."Set Apart"', OWN)),
    )
    left = without(Step("s", "~", "s", action).telling({OWN}), action, GONE)
    assert left.statements == (
        'DROP TRIGGER IF EXISTS "~ec_t" ON public."Set Apart"',
        f"ALTER TABLE {OWN} ADD CHECK (true)",
        "SELECT 'whatever it says ON public.gone'",
    )
    assert [lock.relation for lock in left.locks] == ['public."Set Apart"', OWN]


@pytest.mark.parametrize("statement", KEPT)
def test_what_a_constant_or_a_body_says_is_not_what_a_stored_statement_is_about(statement: str) -> None:
    """Of plans of before the text has to say it: whatever a statement says of the table that is gone."""
    step = {"action": {"statements": [statement, "DROP TRIGGER t ON public.gone"]}}
    data = {
        "table": {"schema": "public", "name": "events"},
        "catalog": {"leaves": ["public.gone"]},
        "sections": {"contract": [step]},
        "format": 3,
    }
    (read,) = present(data)["sections"]["contract"]
    assert read["elsewhere"] == [{"place": 1, "table": "public.gone", "takes_down": True}]


def _plans(kept: Kept) -> Iterator[Plan]:
    """Yield the plan of a kept catalog, and that of one whose table has children."""
    snapshot = kept.catalog.snapshot
    leaves = (*snapshot.relation.leaves, *(LeafTable(RelationName("public", name)) for name in ("a", "b")))
    with_children = replace(snapshot, relation=replace(snapshot.relation, leaves=leaves))
    for each in (snapshot, with_children):
        try:
            catalog = replace(kept.catalog, snapshot=each)
            yield planner.compose(Change("0001", kept.kind, kept.fields), catalog, "expandcontract")
        except EcError:  # there is no such plan
            continue


@pytest.mark.parametrize("kept", CATALOGS, ids=[f"{n}-{each.kind}" for n, each in enumerate(CATALOGS)])
def test_every_plan_says_which_statements_are_about_other_tables(kept: Kept) -> None:
    """As the text of the statements says it, for which plans of before have to be read: none is forgotten."""
    for plan in _plans(kept):
        data = json.loads(json.dumps(to_data(plan)))
        bare = {
            section: [{key: value for key, value in step.items() if key != "elsewhere"} for step in steps]
            for section, steps in data["sections"].items()
        }
        read = from_data(data | {"sections": bare, "format": 3})
        for section, steps in plan.sections.items():
            assert [each.elsewhere for each in read.steps(section)] == [each.elsewhere for each in steps]
