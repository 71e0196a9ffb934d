"""What a step does to tables that left is not missed; all else it does."""

import pytest

from expandcontract.engine.departed import Departed, without
from expandcontract.model.step import Lock, LockMode, Transactional

GONE = Departed(missing=frozenset({"public.gone"}), apart=frozenset({'public."Set Apart"'}))
OWN = "public.events"
KEPT = (
    f"COMMENT ON TABLE {OWN} IS 'was TABLE public.gone before'",
    f"COMMENT ON TABLE {OWN} IS E'it\\'s not ON public.gone'",
    "CREATE FUNCTION ec.note() RETURNS trigger LANGUAGE plpgsql AS $ec$ -- ON public.gone\nBEGIN END $ec$",
    'ALTER TABLE public."ON public.gone" SET (fillfactor = 80)',
    "ALTER TABLE public.gone_since ADD CHECK (id > 0)",
)


@pytest.mark.parametrize("statement", KEPT)
def test_what_a_constant_or_a_body_says_is_not_what_a_statement_is_about(statement: str) -> None:
    """A statement about another table stays, whatever it says of the one that is gone."""
    assert without(Transactional((statement,)), GONE).statements == (statement,)


def test_what_is_about_a_table_that_left_is_not_done() -> None:
    """Nothing is altered or locked that is not part of the table any more, but for our triggers on it."""
    action = Transactional(
        (
            "ALTER TABLE ONLY public.gone ENABLE ALWAYS TRIGGER t",
            "DROP TRIGGER IF EXISTS t ON public.gone",
            'DROP TRIGGER "~ec_t" ON public."Set Apart"',
            'ALTER TABLE public."Set Apart" ADD CHECK (true)',
            f"ALTER TABLE {OWN} ADD CHECK (true)",
        ),
        tuple(Lock(name, LockMode.ACCESS_EXCLUSIVE) for name in ("public.gone", 'public."Set Apart"', OWN)),
    )
    left = without(action, GONE)
    assert left.statements == (
        'DROP TRIGGER IF EXISTS "~ec_t" ON public."Set Apart"',
        f"ALTER TABLE {OWN} ADD CHECK (true)",
    )
    assert [lock.relation for lock in left.locks] == ['public."Set Apart"', OWN]
