"""`ec prune`: what goes out of the ledger, and what stays because something rests on it."""

from datetime import timedelta

import pytest

from expandcontract.cli.views.report import ReportView
from expandcontract.engine.verbs import log, prune, report, start, status
from expandcontract.ledger import retention
from expandcontract.model.change import Change
from expandcontract.model.errors import GuardRefused, Interrupted, UsageError
from expandcontract.model.phases import Stage, State
from expandcontract.postgres.sqlstate import translate
from tests.acceptance.cycle import Expected, Life, living

GIVEN = """CREATE TABLE users (id int PRIMARY KEY, name text, mail text);
INSERT INTO users SELECT i, 'n' || i, 'm' || i FROM generate_series(1, 20) i"""
CHANGE = ("rename-column", {"column": "users.name", "new_name": "full_name"}, GIVEN)
OTHER = Change("0002_mail", "rename-column", {"column": "users.mail", "new_name": "email"})
DAYS = timedelta(days=90)
#: As if all that there is had happened long ago; the guards would not let anybody say so.
LONG_AGO = """
ALTER TABLE expandcontract.change DISABLE TRIGGER guard;
ALTER TABLE expandcontract.old_use DISABLE TRIGGER append_only;
UPDATE expandcontract.change SET purged_at = purged_at - interval '100 days';
UPDATE expandcontract.old_use SET at = at - interval '100 days';
INSERT INTO expandcontract.sample (change_id, at, purpose, rows, blocks_done, blocks_total)
SELECT id, now() - interval '100 days', 'copy', 1, 1, 1 FROM expandcontract.change;
UPDATE expandcontract.watch SET at = at - interval '100 days';
UPDATE expandcontract.instance SET last_seen = last_seen - interval '100 days';
ALTER TABLE expandcontract.change ENABLE ALWAYS TRIGGER guard;
ALTER TABLE expandcontract.old_use ENABLE ALWAYS TRIGGER append_only
"""


async def _two_changes(life: Life) -> None:
    """Purge one, with a note of old code and an instance; begin another one, with a note as well."""
    await life.purge()
    await start.start(life.context, OTHER, start.Consent(acknowledged=Expected()))
    await life.sql("UPDATE users SET mail = 'x' WHERE id = 1")
    await life.sql("SELECT expandcontract_sync.heartbeat('web', '1', 'one', 10)")


async def _counts(life: Life, change: str) -> dict[str, int]:
    """Return how many rows each table has of a change."""
    of = "change_id = (SELECT id FROM expandcontract.change WHERE name = $1)"
    return {
        name: await life.value(f"SELECT count(*) FROM expandcontract.{name} WHERE {of}", change)
        for name in retention.NAMES
        if name not in ("instance", "sample")
    }


async def test_history_of_a_purged_change_goes_and_nothing_else(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, by table, with what went said and kept; the change stays known as purged, and tells of
    itself. An open change keeps all of it, however old; what is young stays.
    """
    monkeypatch.setattr(retention, "BATCH", 2)
    async with living(database, *CHANGE, to=Stage.HIDDEN) as life:
        await _two_changes(life)
        nothing = await prune.prune(life.context, DAYS)
        assert nothing.rows == {}
        await life.sql(LONG_AGO)
        mine, theirs = await _counts(life, life.name), await _counts(life, OTHER.name)
        would = await prune.prune(life.context, DAYS, dry_run=True)
        assert await _counts(life, life.name) == mine
        went = await prune.prune(life.context, DAYS)
        assert went.rows == would.rows
        assert went.rows["event"] == mine["event"] > 2
        assert (went.rows["instance"], went.rows["sample"]) == (1, 2)
        assert await _counts(life, OTHER.name) == theirs
        assert theirs["old_use"] == 1
        assert {name: rows for name, rows in (await _counts(life, life.name)).items() if rows} == {"event": 1}
        kept = "SELECT data->'rows'->>'event' FROM expandcontract.event WHERE change_id IS NULL AND kind = $1"
        assert await life.value(kept, "pruned") == str(mine["event"])
        assert (await prune.prune(life.context, DAYS)).rows == {}
        now = await status.one(life.context, life.name)
        assert now.state == State.PURGED
        assert [entry.kind for entry in await log.read(life.context, life.name)] == ["pruned"]
        assert life.name in ReportView.of(*await report.read(life.context, life.name)).text()


async def test_it_stops_between_two_batches(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went stays gone, and is said; the same command goes on."""
    monkeypatch.setattr(retention, "BATCH", 2)
    async with living(database, *CHANGE, to=Stage.HIDDEN) as life:
        await _two_changes(life)
        await life.sql(LONG_AGO)
        whole = (await prune.prune(life.context, DAYS, dry_run=True)).rows
        once = retention.prune

        async def stopping(*arguments: object) -> int:
            gone = await once(*arguments)  # type: ignore[arg-type]
            if gone:
                life.context.stop.set()
            return gone

        monkeypatch.setattr(retention, "prune", stopping)
        with pytest.raises(Interrupted) as stopped:
            await prune.prune(life.context, DAYS)
        assert "What went stays gone" in stopped.value.state
        monkeypatch.setattr(retention, "prune", once)
        life.context.stop.clear()
        rest = (await prune.prune(life.context, DAYS)).rows
        assert 0 < sum(rest.values()) < sum(whole.values())


async def test_history_goes_by_this_way_alone(database: str) -> None:
    """A plain DELETE is refused as ever, also in the transaction of a batch; less than a day is refused."""
    async with living(database, *CHANGE, to=Stage.HIDDEN) as life:
        with pytest.raises(UsageError, match="less than a day"):
            await prune.prune(life.context, timedelta(hours=23))
        batch, delete = (
            "SELECT expandcontract.prune('event', {}, 10, 'x')",
            "DELETE FROM expandcontract.event",
        )
        old = batch.format("now() - interval '2 days'")
        for statement in (delete, f"{old}; {delete}", batch.format("now()")):
            with pytest.raises(Exception, match=r"refused|younger") as refused:
                await life.sql(statement)
            assert isinstance(translate(refused.value), GuardRefused)
