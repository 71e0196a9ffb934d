"""No statement of any kind goes over a table, or writes it anew, while it holds a lock that stops writes."""

import pytest

from expandcontract.changes import registry
from expandcontract.model.step import Concurrent, Step, Transactional
from expandcontract.steps.tables import access_exclusive
from tests.acceptance.script import scripted
from tests.kinds.cases import Case
from tests.kinds.every import FIRST, OTHERS
from tests.kinds.pairs import PAIRS
from tests.kinds.watched import Watched

pytestmark = pytest.mark.in_turn(2)

_WATCHED = [*PAIRS, *FIRST]
_EACH = [
    *(pytest.param(case, id=case.id) for case in _WATCHED),
    *(pytest.param(case, id=case.id, marks=pytest.mark.slow) for case in OTHERS),
]


def test_every_kind_is_watched() -> None:
    """But for one that is always refused."""
    assert set(registry.kinds()) - {case.kind for case in _WATCHED} == {"add-exclusion"}


@pytest.mark.parametrize("case", _EACH)
async def test_nothing_is_scanned_or_rewritten_under_a_strong_lock(database: str, case: Case) -> None:
    """Of every step that a verb may ever run: under a lock stronger than SHARE UPDATE EXCLUSIVE no row of a
    table that was there before is read, no message tells of a rewrite, a check of all rows or a build, and no
    table has another file. No statement takes such a lock that the step has not taken first.
    """
    async with scripted(database, case.kind, case.fields, case.given) as script:
        watched = Watched(**vars(script))
        await watched.whole_life()
    assert watched.statements > 0
    assert watched.faults == [], "\n".join(watched.faults)


#: What goes over the table, or writes it anew, under a lock that stops writes.
_BAD = (
    "ALTER TABLE public.users ALTER seen TYPE bigint",
    "ALTER TABLE public.users ADD token uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE public.users ADD CONSTRAINT late CHECK (seen >= 0)",
    "ALTER TABLE public.users ALTER note SET NOT NULL",
    "ALTER TABLE public.users ADD UNIQUE (name)",
    "ALTER TABLE public.users ADD FOREIGN KEY (seen) REFERENCES public.zero",
    "CREATE INDEX on_note ON public.users (note)",
    "UPDATE public.users SET note = note",
    "DO 'BEGIN PERFORM FROM public.users WHERE id = 7; END'",
    "ALTER TABLE public.zero ADD other integer; REINDEX TABLE public.users",
)


async def test_the_watch_sees_it(database: str) -> None:
    """What must not be is seen, each by itself; and what is asked for without waiting for writers is not."""
    case = next(case for case in FIRST if case.kind == "drop-column")
    given = f"{case.given}CREATE TABLE zero (id integer PRIMARY KEY); INSERT INTO zero VALUES (0);"
    async with scripted(database, case.kind, case.fields, given) as script:
        for statement in _BAD:
            watched = Watched(**vars(script))
            step = Transactional((statement,), access_exclusive(script.planned.table))
            await watched.step(Step("bad", "~", "bad", step))
            assert watched.faults, statement
        blind = Watched(**vars(script))
        late = Transactional(("ALTER TABLE public.users ADD more integer",))
        await blind.step(Step("late", "+", "takes its lock by itself", late))
        build = "CREATE INDEX on_{0} ON public.users ({0})"
        for statement in (build.format("seen"), build.format("fax").replace("INDEX", "INDEX CONCURRENTLY")):
            await blind.step(Step(statement, "+", "builds", Concurrent(statement, "", "", "users")))
    assert [fault.partition(":")[0] for fault in blind.faults] == ["late", build.format("seen")]
