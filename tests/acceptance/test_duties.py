"""Each duty with the grants that `ec init --sql` prints: what it does, and that it can do nothing more."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from expandcontract import gates
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import (
    backfill,
    conflicts,
    contract,
    control,
    log,
    prune,
    purge,
    report,
    restore,
    rollback,
    start,
    status,
    undo,
    verify,
    wait,
)
from expandcontract.ledger.control import Wishes
from expandcontract.ledger.rights import DUTIES, grants
from expandcontract.model.change import Change
from expandcontract.model.errors import EcError, MissingPrivilege, Refused
from expandcontract.model.events import ignore
from expandcontract.model.phases import Stage
from expandcontract.model.verdict import Verdict
from expandcontract.postgres.connect import Database
from expandcontract.postgres.sqlstate import translate
from tests.acceptance.cycle import POLICY, Life, acknowledge, living

pytestmark = pytest.mark.in_turn(2)

GIVEN = """CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada');
CREATE TABLE others (id int PRIMARY KEY, name text)"""
OTHER = Change("0002_other", "rename-column", {"column": "others.name", "new_name": "full_name"})
CHANGE = ("rename-column", {"column": "users.name", "new_name": "full_name"}, GIVEN)
_APPROVED = replace(POLICY, approval=True)

Verb = Callable[[Context, Life], Awaitable[object]]
#: What a duty may be asked for, on a change that is ready, from the harmless to what destroys.
_VERBS: dict[str, Verb] = {
    "status": lambda context, life: status.one(context, life.name),
    "wait": lambda context, life: wait.wait(context, life.name, "ready", timedelta(0)),
    "log": lambda context, life: log.read(context, life.name),
    "report": lambda context, life: report.read(context, life.name),
    "conflicts": lambda context, life: conflicts.look(context, life.name),
    "pause": lambda context, life: control.pause(context, life.name, why="an incident"),
    "resume": lambda context, life: control.resume(context, life.name),
    "tune": lambda context, life: control.tune(context, life.name, Wishes(batch=7)),
    "ack": lambda context, life: control.ack(context, life.name, "approval", "looked at"),
    "verify": lambda context, life: verify.verify(context, life.name, verify.VerifyOptions()),
    "backfill": lambda context, life: backfill.backfill(context, life.name, backfill.BackfillOptions()),
    "start": lambda context, _: start.start(context, OTHER),
    "prune": lambda context, _: prune.prune(context, timedelta(days=90)),
    "contract": lambda context, life: contract.contract(replace(context, policy=POLICY), life.name),
    "undo": lambda context, life: undo.undo(context, life.name),
    "purge": lambda context, life: purge.purge(context, life.name, now=True, confirm=life.name),
    "restore": lambda context, life: restore.restore(context, life.name),
    "rollback": lambda context, life: rollback.rollback(context, life.name),
}
_LOOKS = {"status", "wait"}
#: What each may do. That there is nothing to copy, undo, purge or restore is said to everybody.
_MAY = {
    "waiter": _LOOKS,
    "reader": {*_LOOKS, "log", "report"},
    "controller": {*_LOOKS, "pause", "resume", "tune"},
    "approver": {*_LOOKS, "ack"},
    "worker": {*_LOOKS, "log", "report", "conflicts", "verify", "backfill"},
}
_NO_TURN = {"backfill", "undo", "purge", "restore"}


@asynccontextmanager
async def _acting(life: Life, duty: str, *more: str) -> AsyncIterator[Context]:
    """Give the context of a role with that duty, which is dropped at the end."""
    role = f"of_{duty}"
    await life.sql(f"CREATE ROLE {role} LOGIN; " + "\n".join([*grants("expandcontract", duty, role), *more]))
    database = Database(life.url.replace("//postgres@", f"//{role}@", 1))
    try:
        yield Context(database, _APPROVED, ignore, f"the {duty}")
    finally:
        await database.close()
        await life.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def _refusal(verb: Verb, context: Context, life: Life) -> EcError | None:
    try:
        await verb(context, life)
    except Exception as error:  # noqa: BLE001 - the command line translates whatever it is
        return translate(error)
    return None


@pytest.mark.parametrize("duty", _MAY)
async def test_a_duty_does_its_verbs_and_nothing_more(database: str, duty: str) -> None:
    """Connected as a role that has its grants alone; every other verb ends with what is missing, and moves
    nothing.
    """
    more = ("GRANT SELECT, UPDATE ON users TO of_worker;",) if duty == "worker" else ()
    async with living(database, *CHANGE, to=Stage.READY) as life, _acting(life, duty, *more) as context:
        await acknowledge(life, "new-code-seen", "the gates are not what is asked here")
        for name, verb in _VERBS.items():
            found = await _refusal(verb, context, life)
            if name in _MAY[duty]:
                assert found is None, f"{duty} {name}: {found!r}"
            elif name not in _NO_TURN:
                assert isinstance(found, MissingPrivilege), f"{duty} {name}: {found!r}"
        now = await life.situation()
        assert (now.stage, now.wish.batch) == (Stage.READY, 7 if duty == "controller" else None)
        assert [w.who for w in now.waivers if w.gate == "approval"] == (
            ["the approver"] if duty == "approver" else []
        )
        assert await life.value("SELECT count(*) FROM expandcontract.change") == 1


def test_every_duty_has_its_test() -> None:
    """But for the migrator, who owns the ledger and the tables."""
    assert {*_MAY, "migrator"} == set(DUTIES)


_FORGED = (
    """INSERT INTO expandcontract.waiver (change_id, gate, who, why, known, session_role)
    VALUES (1, 'approval', 'ann', 'x', 'x', 'postgres')""",
    "INSERT INTO expandcontract.event (kind, who, session_role) VALUES ('acknowledged', 'ann', 'postgres')",
    "UPDATE expandcontract.waiver SET who = 'ann'",
    "UPDATE expandcontract.change SET state = 'hidden'",
    "SELECT expandcontract.has_started(1, 'x', 'x')",
    "SELECT expandcontract.prune('event', '2020-01-01', 1, 'x')",
    "SELECT old_value FROM expandcontract.conflict",
    "SELECT samples FROM expandcontract.chunk",
)


@pytest.mark.parametrize("duty", _MAY)
async def test_nobody_forges_who_it_was(database: str, duty: str) -> None:
    """By hand, with psql: no grant allows more than the verb does, and the server signs what is written.
    A worker writes events, each of which the server signs, and sees the rows that it compares.
    """
    allowed = (1, 4, 6, 7) if duty == "worker" else ()
    async with living(database, *CHANGE, to=Stage.READY) as life, _acting(life, duty):
        by_hand = await asyncpg.connect(life.url.replace("//postgres@", f"//of_{duty}@", 1))
        try:
            for number, statement in enumerate(_FORGED):
                if number in allowed:
                    await by_hand.execute(statement)
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await by_hand.execute(statement)
        finally:
            await by_hand.close()
        signed = "SELECT session_role FROM expandcontract.event WHERE kind = 'acknowledged' AND who = 'ann'"
        assert await life.rows(signed) == ([("of_worker",)] if duty == "worker" else [])


async def test_who_started_a_change_does_not_approve_it(database: str) -> None:
    """By the name that is claimed, and by the role that logged in: neither may be the same. What was
    acknowledged while that was allowed does not count either.
    """
    other = replace(POLICY, approval="other")
    async with living(database, *CHANGE, to=Stage.READY) as life:
        mine = replace(life.context, policy=other)
        for who in (mine.who, "another name"):
            with pytest.raises(Refused, match="somebody else approves"):
                await control.ack(replace(mine, who=who), life.name, "approval", "fine")
        assert (await life.situation()).waivers == ()
        await control.ack(replace(mine, policy=_APPROVED), life.name, "approval", "fine")
        assert not await _approved(mine, life)
        assert await _approved(replace(mine, policy=_APPROVED), life)
        async with _acting(life, "approver") as context:
            theirs = replace(context, policy=other)
            with pytest.raises(Refused, match="somebody else approves"):
                await control.ack(replace(theirs, who=mine.who), life.name, "approval", "fine")
            await control.ack(theirs, life.name, "approval", "looked at")
        assert await _approved(mine, life)
        assert "Opened by the approver as of_approver" in (await _verdict(mine, life)).reason


async def _verdict(context: Context, life: Life) -> Verdict:
    situation = await status.one(context, life.name)
    return next(each for each in gates.judge_all(situation) if each.gate == "approval")


async def _approved(context: Context, life: Life) -> bool:
    return (await _verdict(context, life)).open
