"""The database itself refuses what would break the order of phases, the need for proof, or history."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from expandcontract.ledger import change, phase, proof
from expandcontract.ledger.tables import Tables
from expandcontract.model.errors import ColumnOwned, GuardRefused
from expandcontract.model.phases import Phase, Section, State, Status
from expandcontract.postgres.sqlstate import sqlstate, translate
from tests.postgres import ledgers
from tests.postgres.ledgers import WHO, Ledger, refused

HISTORY = (
    "change",
    "phase",
    "step",
    "proof",
    "waiver",
    "old_use",
    "conflict",
    "event",
    "phase_rule",
    "state_rule",
)


def update(one: Phase, status: Status) -> str:
    """Return what somebody in psql would type to move a phase."""
    return f"UPDATE expandcontract.phase SET status = '{status}' WHERE phase = '{one}'"


async def test_contract_does_not_begin_without_proof(ledger: Ledger) -> None:
    """V4: a superuser's plain UPDATE of contract to running, with every phase before it done, is refused."""
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)
    error = await refused(ledger, update(Phase.CONTRACT, Status.RUNNING))
    assert isinstance(error, GuardRefused)
    assert "there is no proof" in error.message


FOR_EACH_ROW = "FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
OFF_AND_ON = """ALTER TABLE public.users DISABLE TRIGGER "~ec_1"
UPDATE public.users SET name = name
ALTER TABLE public.users ENABLE ALWAYS TRIGGER "~ec_1\""""
OTHER_BASE = "CREATE OR REPLACE FUNCTION expandcontract_sync.base(text) RETURNS text IMMUTABLE {}".format(
    "BEGIN ATOMIC SELECT pg_catalog.lower($1); END"
)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ('ALTER TABLE public.users DISABLE TRIGGER "~ec_1"', "trigger ~ec_1 of public.users is disabled"),
        (
            OFF_AND_ON,
            "trigger ~ec_1 of public.users was altered",
        ),
        (
            'ALTER TABLE public.users ENABLE TRIGGER "~ec_1"',
            "trigger ~ec_1 of public.users fires under other",
        ),
        ('DROP TRIGGER "~ec_1" ON public.users', "trigger ~ec_1 of public.users was dropped"),
        (
            f"CREATE TRIGGER zzz BEFORE UPDATE ON public.users {FOR_EACH_ROW}",
            "trigger zzz of public.users is new",
        ),
        (
            "ALTER TABLE public.users ALTER display_name TYPE varchar",
            "column display_name of public.users was altered",
        ),
        ("ALTER TABLE public.users RENAME name TO label", "column name of public.users is gone"),
        ("VACUUM FULL public.users", "public.users was rewritten"),
        ("CREATE TABLE public.more () INHERITS (public.users)", "public.more was attached"),
        (
            OTHER_BASE,
            "function expandcontract_sync.base(text) was replaced",
        ),
        (
            "ALTER FUNCTION expandcontract_sync.forward(text) SET work_mem = '1MB'",
            "forward(text) was replaced",
        ),
        (
            "ALTER FUNCTION expandcontract_sync.forward(text) RENAME TO away",
            "function expandcontract_sync.forward(text) is gone",
        ),
    ],
)
async def test_what_spoils_a_proof_is_named(ledger: Ledger, harm: str, sentence: str) -> None:
    """A proof holds until anything changes that it is bound to; then contract is refused, and the reason is a
    sentence.
    """
    await ledger.ready_to_hide()
    assert (await ledger.situation()).proof.differences == ()  # type: ignore[union-attr]
    async with ledger.database.direct() as conn:
        for statement in harm.splitlines():
            await conn.exec_driver_sql(statement)

    found = (await ledger.situation()).proof
    assert found is not None
    assert any(sentence in difference for difference in found.differences), found.differences
    error = await refused(ledger, "UPDATE expandcontract.change SET state = 'hidden'")
    assert isinstance(error, GuardRefused)
    assert "the proof does not hold any more" in error.message


async def test_what_has_nothing_to_do_with_a_proof_does_not_spoil_it(ledger: Ledger) -> None:
    """ANALYZE, VACUUM (FREEZE), another column, an AFTER trigger, an index and plain writes leave a proof as
    it is.
    """
    await ledger.ready_to_hide()
    async with ledger.database.direct() as conn:
        for statement in (
            "INSERT INTO public.users SELECT i FROM pg_catalog.generate_series(1, 1000) i",
            "VACUUM (FREEZE, ANALYZE) public.users",
            "VACUUM (FREEZE) pg_catalog.pg_trigger",
            "VACUUM FULL pg_catalog.pg_trigger",
            "ALTER TABLE public.users ADD COLUMN age int",
            "CREATE INDEX ON public.users (age)",
            f"CREATE TRIGGER later AFTER UPDATE ON public.users {FOR_EACH_ROW}",
        ):
            await conn.exec_driver_sql(statement)
    assert (await ledger.situation()).proof.differences == ()  # type: ignore[union-attr]
    await ledger.become(State.HIDDEN)
    assert (await ledger.situation()).state == State.HIDDEN


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("table", HISTORY)
async def test_history_is_not_deleted(ledger: Ledger, table: str) -> None:
    """A10: DELETE and TRUNCATE of history are refused, also under session_replication_role = replica."""
    await ledger.ready_to_hide()
    await ledger.sql("""
        INSERT INTO expandcontract.waiver (change_id, gate, who, why, known) VALUES (1, 'a', 'b', 'c', 'd');
        INSERT INTO expandcontract.old_use VALUES (1, 'old', 'application', 'role');
        INSERT INTO expandcontract.conflict (change_id, kind) VALUES (1, 'both written');
    """)
    count = f"SELECT pg_catalog.count(*) FROM expandcontract.{table}"
    before = await ledger.one(count)
    for role in ("origin", "replica"):
        for statement in (f"DELETE FROM expandcontract.{table}", f"TRUNCATE expandcontract.{table} CASCADE"):
            error = await refused(ledger, f"SET LOCAL session_replication_role = {role}; {statement}")
            assert isinstance(error, GuardRefused), (role, statement)
    assert await ledger.one(count) == before > 0


FORGED_PROOF = """
INSERT INTO expandcontract.proof
    (change_id, attempt, cycle, round, bound, bound_at, finished_at, rows_compared, mismatches, unfit)
VALUES (1, 1, 0, 9, '{}', pg_catalog.now(), pg_catalog.now(), 1, 0, 0)
"""
#: What nobody writes is left out: the server makes it of the plan.
_WRITTEN = ", ".join(each.name for each in Tables("expandcontract").change.c if each.server_default is None)
FORGED_CHANGE = f"""
INSERT INTO expandcontract.change ({_WRITTEN}) OVERRIDING SYSTEM VALUE
SELECT {_WRITTEN} FROM (
    SELECT (pg_catalog.jsonb_populate_record(c, '{{"id": 7, "state": "hidden", "name": "x"}}')).*
    FROM expandcontract.change c
) forged
"""


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE expandcontract.event SET who = 'somebody else'",
        "UPDATE expandcontract.laid SET bound = '{}'",
        "UPDATE expandcontract.laid SET chunks = 0",
        """INSERT INTO expandcontract.picture (change_id, attempt, step, who, sync)
        VALUES (1, 1, '', '', '{}');
        UPDATE expandcontract.picture SET sync = '[]'""",
        "UPDATE expandcontract.phase SET finished_at = pg_catalog.now()",
        "UPDATE expandcontract.phase SET phase = 'contract', attempt = 2 WHERE phase = 'expand'",
        "UPDATE expandcontract.step SET error = 'no' WHERE status = 'done'",
        "UPDATE expandcontract.step SET status = 'failed', attempts = 2 WHERE step = 'add_column'",
        "UPDATE expandcontract.change SET created_by = 'somebody else'",
        "UPDATE expandcontract.change SET plan = '{}'",
        "UPDATE expandcontract.change SET database_oid = 1",
        "UPDATE expandcontract.proof SET mismatches = 0, rows_compared = 5",
        "UPDATE expandcontract.proof SET bound = '{}'",
        "INSERT INTO expandcontract.phase_rule VALUES ('contract', 'pending', 'done', 'active', 'f', 'f')",
        "UPDATE expandcontract.phase_rule SET needs_proof = false",
        "INSERT INTO expandcontract.phase VALUES (1, 1, 'contract', 'running')",
        "INSERT INTO expandcontract.phase (change_id, attempt, phase) VALUES (1, 2, 'contract')",
        FORGED_PROOF,
        FORGED_CHANGE,
    ],
)
async def test_history_is_not_rewritten(ledger: Ledger, statement: str) -> None:
    """A superuser's statement that would change what was recorded, or the rules, is refused."""
    await ledger.ready_to_hide()
    assert isinstance(await refused(ledger, statement), GuardRefused)


async def test_what_a_proof_is_bound_to_is_written_by_the_guard(ledger: Ledger) -> None:
    """An INSERT that brings a bound state of its own gets the one that is there."""
    await ledger.run(Phase.EXPAND)
    await ledger.sql(
        "INSERT INTO expandcontract.proof (change_id, attempt, cycle, round, bound, bound_at)"
        " VALUES (1, 1, 0, 1, '{}', '2001-01-01')"
    )
    assert await ledger.one(
        "SELECT bound = expandcontract.bound_state(1) AND bound_at > '2002-01-01' FROM expandcontract.proof"
    )


async def test_a_proof_ends_when_every_chunk_is_compared(ledger: Ledger) -> None:
    """A proof with an open chunk cannot be finished; finished, it says the sums of its chunks, without those
    of what is no part of the table.
    """
    part = await ledger.one("SELECT relation FROM expandcontract.change")
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    async with ledger.database.transaction() as conn:
        begun = await proof.begin(conn, ledger.tables, ledger.id)
    await ledger.sql(f"""
        INSERT INTO expandcontract.chunk (change_id, attempt, purpose, round, relation, relation_name,
            filenode, first_block, end_block, next_block, rows, mismatches, unfit, status)
        VALUES (1, 1, 'compare', {begun.round}, {part}, 'x', 1, 0, 9, 9, 100, 1, 0, 'done'),
               (1, 1, 'compare', {begun.round}, {part}, 'x', 1, 9, 19, 12, 30, 2, 3, 'running'),
               (1, 1, 'compare', {begun.round}, 1, 'left', 1, 0, 9, 9, 100, 7, 0, 'done')
    """)
    with pytest.raises(DBAPIError) as caught:
        async with ledger.database.transaction() as conn:
            await proof.finish(conn, ledger.tables, begun.id)
    assert sqlstate(caught.value) == "EC311"
    await ledger.sql(f"""
        UPDATE expandcontract.chunk SET status = 'done', next_block = end_block;
        INSERT INTO expandcontract.laid (change_id, attempt, purpose, round, who, blocks)
        VALUES (1, 1, 'compare', {begun.round}, 'alice', 19)
    """)
    async with ledger.database.transaction() as conn:
        assert await proof.finish(conn, ledger.tables, begun.id) == proof.ProofCounts(130, 3, 3)
        assert await proof.finish(conn, ledger.tables, begun.id) == proof.ProofCounts(130, 3, 3)
    await ledger.run(Phase.VERIFY)
    assert "found mismatches: 3" in (await refused(ledger, update(Phase.CONTRACT, Status.RUNNING))).message


async def test_a_spoiled_proof_stays_spoiled(ledger: Ledger) -> None:
    """Spoiling happens once, with a reason; contract then says it, and only a new proof opens it again."""
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    await ledger.prove()
    async with ledger.database.transaction() as conn:
        assert await proof.spoil(conn, ledger.tables, ledger.id, "somebody said so") == 1
        assert await proof.spoil(conn, ledger.tables, ledger.id, "another") == 0
    assert "somebody said so" in (await refused(ledger, update(Phase.CONTRACT, Status.RUNNING))).message
    assert isinstance(
        await refused(ledger, "UPDATE expandcontract.proof SET spoiled_at = NULL, spoiled_why = NULL"),
        GuardRefused,
    )
    await ledger.prove()
    await ledger.begin(Phase.CONTRACT)


async def test_a_verification_is_resumed_while_it_holds(ledger: Ledger) -> None:
    """Whoever comes second gets the open proof; after a change of what it is bound to, a new one in a new
    round.
    """
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    async with ledger.database.transaction() as conn:
        first = await proof.begin(conn, ledger.tables, ledger.id)
        assert await proof.begin(conn, ledger.tables, ledger.id) == proof.Begun(first.id, 1, resumed=True)
    await ledger.sql("ALTER TABLE public.users ALTER name SET STATISTICS 5")
    async with ledger.database.transaction() as conn:
        assert await proof.differences(conn, ledger.tables, first.id) == (
            "column name of public.users was altered",
        )
        second = await proof.begin(conn, ledger.tables, ledger.id)
        assert (second.id != first.id, second.round, second.resumed) == (True, 2, False)
        assert await proof.differences(conn, ledger.tables, first.id) == (
            "column name of public.users was altered",
        )
        assert await proof.differences(conn, ledger.tables, second.id) == ()


async def test_phases_go_in_order(ledger: Ledger) -> None:
    """A phase does not begin before those before it are done, nor end before its steps are."""
    assert (
        "phase expand is not done"
        in (await refused(ledger, update(Phase.DUAL_WRITE, Status.RUNNING))).message
    )
    await ledger.begin(Phase.EXPAND)
    assert "step add_column is not done" in (await refused(ledger, update(Phase.EXPAND, Status.DONE))).message
    await ledger.journal(Section.EXPAND)
    await ledger.sql(update(Phase.EXPAND, Status.DONE))
    await ledger.run(Phase.DUAL_WRITE)


FIRST_FOUR = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.VERIFY)
# What is allowed without a proof, as: phases, from, to, while the change is.
MOVES = (
    (FIRST_FOUR, "pending failed", "running", "active"),
    (FIRST_FOUR, "running", "done failed", "active"),
    (FIRST_FOUR, "pending running done failed", "undone", "active rolled_back"),
    ((Phase.BACKFILL, Phase.VERIFY), "done", "running", "active"),
    ((Phase.CONTRACT,), "running", "failed", "active hidden"),
    ((Phase.CONTRACT,), "failed", "running", "hidden"),
    ((Phase.CONTRACT,), "running", "done", "hidden"),
    ((Phase.CONTRACT,), "done failed running", "undone", "active hidden"),
    ((Phase.CONTRACT,), "pending", "undone", "active rolled_back"),
    ((Phase.CONTRACT,), "failed", "undone", "rolled_back"),
)
TRY_ALL = """
DO $$
DECLARE
    a_phase text; was text; becomes text; a_state text; code text;
BEGIN
    ALTER TABLE expandcontract.change DISABLE TRIGGER guard;
    UPDATE expandcontract.change SET plan = pg_catalog.jsonb_set(plan, '{sections}', '{}');
    FOREACH a_phase IN ARRAY ARRAY['expand', 'dual_write', 'backfill', 'verify', 'contract'] LOOP
    FOREACH was IN ARRAY ARRAY['pending', 'running', 'done', 'failed', 'undone'] LOOP
    FOREACH becomes IN ARRAY ARRAY['pending', 'running', 'done', 'failed', 'undone'] LOOP
    FOREACH a_state IN ARRAY ARRAY['active', 'hidden', 'purged', 'rolled_back'] LOOP
        ALTER TABLE expandcontract.phase DISABLE TRIGGER guard;
        UPDATE expandcontract.phase SET status = CASE phase WHEN a_phase THEN was ELSE 'done' END;
        UPDATE expandcontract.change SET state = a_state;
        ALTER TABLE expandcontract.phase ENABLE ALWAYS TRIGGER guard;
        BEGIN
            UPDATE expandcontract.phase SET status = becomes WHERE phase = a_phase;
            INSERT INTO public.allowed VALUES (a_phase, was, becomes, a_state);
        EXCEPTION WHEN SQLSTATE 'EC311' THEN NULL;
        END;
    END LOOP; END LOOP; END LOOP; END LOOP;
END
$$
"""


async def test_the_moves_of_a_phase_are_those_of_the_design(ledger: Ledger) -> None:
    """Of all moves of all phases in all states of a change only these pass, when every other phase is done
    and there is no proof.
    """
    await ledger.sql("CREATE TABLE public.allowed (phase text, was text, becomes text, state text)")
    await ledger.sql(TRY_ALL)
    expected = {
        move
        for phases, was, becomes, states in MOVES
        for move in product(map(str, phases), was.split(), becomes.split(), states.split())
    }
    assert {tuple(row) for row in await _all(ledger, "TABLE public.allowed")} == expected


async def test_hiding_needs_contract_to_run(ledger: Ledger) -> None:
    """A change with a proof that holds is not hidden before its phase contract runs."""
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    await ledger.prove()
    error = await refused(ledger, "UPDATE expandcontract.change SET state = 'hidden'")
    assert "phase contract is not running" in error.message


async def test_hiding_needs_every_phase_done(ledger: Ledger) -> None:
    """A repair that began after contract did keeps the old side where it is."""
    await ledger.ready_to_hide()
    await ledger.begin(Phase.BACKFILL)
    error = await refused(ledger, "UPDATE expandcontract.change SET state = 'hidden'")
    assert "phase backfill is not done" in error.message


async def test_contract_is_judged_by_a_fresh_snapshot(ledger: Ledger) -> None:
    """A transaction with an older snapshot could not see what spoiled the proof: it is refused."""
    await ledger.ready_to_hide()
    error = await refused(
        ledger,
        "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE expandcontract.change SET state = 'hidden'",
    )
    assert "READ COMMITTED" in error.message


async def test_nothing_is_contracted_when_the_table_is_gone(ledger: Ledger) -> None:
    """A proof of nothing proves nothing."""
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL)
    await ledger.sql("DROP TABLE public.users")
    await ledger.prove()
    assert "the table is gone" in (await refused(ledger, update(Phase.CONTRACT, Status.RUNNING))).message


async def test_undo_spoils_the_proof(ledger: Ledger) -> None:
    """After hide and undo another cycle begins, and contract wants another proof."""
    await ledger.ready_to_hide()
    await ledger.become(State.HIDDEN)
    await ledger.run(Phase.CONTRACT)
    assert (await ledger.situation()).hidden_at is not None
    async with ledger.database.transaction() as conn:
        await change.become(conn, ledger.tables, ledger.id, State.ACTIVE, WHO)
        await phase.undo(conn, ledger.tables, ledger.id, Phase.CONTRACT, WHO)

    situation = await ledger.situation()
    assert (situation.state, situation.cycle, situation.hidden_at) == (State.ACTIVE, 1, None)
    assert situation.proof is not None
    assert situation.proof.spoiled_why == "contract was undone"
    assert "there is no proof" in (await refused(ledger, update(Phase.CONTRACT, Status.RUNNING))).message
    await ledger.prove()
    await ledger.begin(Phase.CONTRACT)
    await ledger.become(State.HIDDEN)
    await ledger.become(State.PURGED)
    assert isinstance(
        await refused(ledger, "UPDATE expandcontract.change SET state = 'active'"), GuardRefused
    )


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("origin", "target"), [each for each in product(State, State) if each[0] != State.FINISHED]
)
async def test_the_states_of_a_change_are_those_of_the_table(
    ledger: Ledger, origin: State, target: State
) -> None:
    """A change moves along active, hidden, purged and back as the design says, and no other way."""
    await ledger.ready_to_hide()
    match origin:
        case State.HIDDEN:
            await ledger.become(State.HIDDEN)
        case State.PURGED:
            await ledger.become(State.HIDDEN)
            await ledger.become(State.PURGED)
        case State.ROLLED_BACK:
            await ledger.sql(update(Phase.CONTRACT, Status.UNDONE))
            await ledger.become(State.ROLLED_BACK)
        case State.ACTIVE if target == State.ROLLED_BACK:
            assert (
                "while phase contract is running"
                in (await refused(ledger, "UPDATE expandcontract.change SET state = 'rolled_back'")).message
            )
            await ledger.sql(update(Phase.CONTRACT, Status.UNDONE))
        case _:
            pass
    statement = f"UPDATE expandcontract.change SET state = '{target}'"
    moves = {
        (State.ACTIVE, State.HIDDEN), (State.HIDDEN, State.ACTIVE), (State.HIDDEN, State.PURGED),
        (State.ACTIVE, State.ROLLED_BACK), (State.ROLLED_BACK, State.ACTIVE),
    }  # fmt: skip
    if origin == target or (origin, target) in moves:
        await ledger.sql(statement)
    else:
        assert isinstance(await refused(ledger, statement), GuardRefused)


async def test_a_change_begins_again_after_rollback(ledger: Ledger) -> None:
    """Another attempt has a plan, five phases and a journal of its own; those of the last one stay."""
    await ledger.run(Phase.EXPAND, Phase.DUAL_WRITE)
    async with ledger.database.transaction() as conn:
        for one in (Phase.EXPAND, Phase.DUAL_WRITE):
            await phase.undo(conn, ledger.tables, ledger.id, one, WHO)
        await change.become(conn, ledger.tables, ledger.id, State.ROLLED_BACK, WHO)
    other = ledgers.plan(server_version=180000)
    async with ledger.database.transaction() as conn:
        relation = (await ledger.situation()).relation
        assert (
            await change.begin_again(conn, ledger.tables, ledger.id, other, relation=relation, who=WHO) == 2
        )

    situation = await ledger.situation()
    assert (situation.attempt, situation.started, situation.steps_done) == (2, False, frozenset())
    assert {record.status for record in situation.phases.values()} == {Status.PENDING}
    assert situation.plan == other
    await ledger.run(Phase.EXPAND)
    old = "UPDATE expandcontract.phase SET status = 'running' WHERE attempt = 1 AND phase = 'backfill'"
    assert "attempt 1 is history" in (await refused(ledger, old)).message


async def test_the_plan_of_an_attempt_changes_only_before_it_begins(ledger: Ledger) -> None:
    """What was started is what every later verb works from."""
    situation = await ledger.situation()
    async with ledger.database.transaction() as conn:
        await change.replan(
            conn,
            ledger.tables,
            ledger.id,
            ledgers.plan(server_version=1),
            relation=situation.relation,
            who=WHO,
        )
    assert (await ledger.situation()).plan.server_version == 1
    await ledger.begin(Phase.EXPAND)
    error = await refused(ledger, "UPDATE expandcontract.change SET fingerprint = 'x'")
    assert "was started" in error.message


async def test_a_column_belongs_to_one_open_change(ledger: Ledger) -> None:
    """A6: a second change of a column, old or new, is refused until the first is rolled back or purged."""
    second = ledgers.plan("0002_again")
    with pytest.raises(DBAPIError) as caught:
        await ledgers.with_change(ledger, second)
    assert isinstance(translate(caught.value), ColumnOwned)
    assert "display_name, name belongs to change 0001_rename" in translate(caught.value).message
    await ledger.become(State.ROLLED_BACK)
    assert (await ledgers.with_change(ledger, second)).id == 2 + 1  # a refused row uses up its number


async def test_a_guard_does_not_make_the_application_wait(ledger: Ledger) -> None:
    """While a transaction of ours holds the change's row, an application's note of its use does not wait for
    it.
    """
    async with ledger.database.transaction() as conn:
        await phase.begin(conn, ledger.tables, ledger.id, Phase.EXPAND, WHO)
        await ledger.sql(
            "SET LOCAL lock_timeout = '1s';SELECT expandcontract_sync.note_use('0001_rename', 'old', 'app')"
        )
    assert len((await ledger.situation()).old_writers) == 1


async def _all(ledger: Ledger, query: str) -> list[Any]:
    async with ledger.database.transaction() as conn:
        return list((await conn.exec_driver_sql(query)).all())
