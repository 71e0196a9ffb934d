"""What the journal keeps, and when a step may be called done."""

import pytest

from expandcontract.ledger import chunk, step
from expandcontract.model.phases import Phase, Section
from expandcontract.model.step import Purpose
from tests.postgres.ledgers import Ledger, refused


async def test_a_repeated_step_keeps_its_past(ledger: Ledger) -> None:
    """A step of backfill may run again; what the journal had of it before is an event. A step of expand may
    not.
    """
    entry = step.JournalEntry(ledger.id, 1, 0, Section.BACKFILL, "copy")
    async with ledger.database.transaction() as conn:
        await step.begin(conn, ledger.tables, entry)
        await step.done(conn, ledger.tables, entry, 1.5)
        await step.begin(conn, ledger.tables, entry)
        await step.fail(conn, ledger.tables, entry, 0.1, "disk full")
        await step.done(conn, ledger.tables, entry, 2.5)
    row = "SELECT ROW(status, attempts, seconds, error IS NULL)::text FROM expandcontract.step"
    assert await ledger.one(row) == "(done,3,2.5,t)"
    assert (
        await ledger.one("SELECT data->>'seconds' FROM expandcontract.event WHERE kind = 'step-repeated'")
        == "1.5"
    )
    await ledger.run(Phase.EXPAND)
    assert (
        "is done, and stays so"
        in (
            await refused(
                ledger,
                "UPDATE expandcontract.step SET status = 'started', attempts = 2 WHERE step = 'add_column'",
            )
        ).message
    )


SWEPT = {"copy": Section.BACKFILL, "keep": Section.ROLLBACK}


@pytest.mark.parametrize("purpose", SWEPT)
@pytest.mark.parametrize(
    ("harm", "ok"),
    [
        ("SELECT", True),
        ("UPDATE expandcontract.chunk SET status = 'pending'", False),
        ("DELETE FROM expandcontract.chunk", False),
        (
            """INSERT INTO expandcontract.laid (change_id, attempt, purpose, round, who)
            SELECT id, 1, '{}', 2, 'x' FROM expandcontract.change""",
            False,
        ),
    ],
    ids=["all done", "one open", "one missing", "a later round that was not laid"],
)
async def test_a_sweep_is_done_when_its_chunks_are(
    ledger: Ledger, purpose: str, harm: str, *, ok: bool
) -> None:
    """What a process remembers of them may have been lost with the server that it was told by."""
    action = f'{{"purpose": "{purpose}", "table": "public.users", "wanted": "true"}}'
    step_ = f'{{"id": "{purpose}", "symbol": "=", "sentence": "", "action": {action}}}'
    section = SWEPT[purpose]
    await ledger.sql(f"""
        INSERT INTO public.users SELECT 1;
        UPDATE expandcontract.change SET plan = jsonb_set(plan, '{{sections,{section}}}', '[{step_}]')""")
    if purpose == "copy":
        await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
        await ledger.begin(Phase.BACKFILL)
    relation = await ledger.one("SELECT 'public.users'::regclass::oid::int8")
    async with ledger.database.transaction() as conn:
        laid = await chunk.lay(conn, ledger.tables, chunk.Round(ledger.id, 1, Purpose(purpose), 1), relation)
    assert laid == 1
    await ledger.sql("UPDATE expandcontract.chunk SET status = 'done', next_block = end_block")
    await ledger.sql(harm.format(purpose))
    done = f"""INSERT INTO expandcontract.step (change_id, attempt, cycle, section, step, status)
        VALUES ({ledger.id}, 1, 0, '{section}', '{purpose}', 'done')"""
    if ok:
        await ledger.sql(done)
    else:
        assert "not every chunk of it is" in (await refused(ledger, done)).message


async def test_a_step_is_done_after_those_before_it(ledger: Ledger) -> None:
    """Neither begun nor done while one that comes before it in the plan is not; a failure can be told."""
    steps = '[{"id": "one", "action": {}}, {"id": "two", "action": {}}]'
    await ledger.sql(
        f"UPDATE expandcontract.change SET plan = jsonb_set(plan, '{{sections,expand}}', '{steps}')"
    )
    await ledger.begin(Phase.EXPAND)
    row = f"""INSERT INTO expandcontract.step (change_id, attempt, cycle, section, step, status)
        VALUES ({ledger.id}, 1, 0, 'expand', '{{}}', '{{}}')"""
    for status in ("started", "done"):
        assert "comes after step one" in (await refused(ledger, row.format("two", status))).message
    await ledger.sql(row.format("two", "failed"))
    await ledger.sql(row.format("one", "done"))
    await ledger.sql("UPDATE expandcontract.step SET status = 'done' WHERE step = 'two'")
