"""What others do, by any tool, to what an open change needs: refused by the database, or named at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg
import pytest

from expandcontract.engine.health import Finding
from expandcontract.engine.verbs import doctor, mend, plan
from expandcontract.model.errors import EcError, GateShut
from tests.acceptance.cycle import Life, living

pytestmark = pytest.mark.in_turn(2)

WIDEN = ("change-type", {"column": "dual_write.n", "type": "bigint", "to": "big"})
PHASES = ("dual_write", "ready", "hidden")
BEFORE_CONTRACT = PHASES[:2]
READY = PHASES[1:2]
#: A view, a trigger or a function needs it; a column that a trigger names; a guard of the ledger.
REFUSED = {"2BP01", "0A000", "EC311"}


@dataclass(frozen=True)
class Deed:
    """Something that somebody does in `phases`, as SQL; `named` are words of the sentence that tells of it,
    none where the database refuses it. `mended`: doctor can put it back.
    """

    does: str
    named: str = ""
    mended: bool = False
    phases: Sequence[str] = PHASES


DEEDS = {
    "drop the old column": Deed("ALTER TABLE {t} DROP COLUMN {old}"),
    "drop the new column": Deed("ALTER TABLE {t} DROP COLUMN big"),
    "drop the old column, cascading": Deed("ALTER TABLE {t} DROP COLUMN {old} CASCADE", "Column"),
    "drop the new column, cascading": Deed("ALTER TABLE {t} DROP COLUMN big CASCADE", "Column big"),
    "drop the table": Deed("DROP TABLE {t}", "is gone"),
    "drop the function of the trigger": Deed("DROP FUNCTION {sync}()"),
    "drop it, cascading": Deed("DROP FUNCTION {sync}() CASCADE", "is missing", mended=True),
    "replace it": Deed(
        "CREATE OR REPLACE FUNCTION {sync}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "is not the one that was made",
        mended=True,
    ),
    "rename it": Deed("ALTER FUNCTION {sync}() RENAME TO other_{t}", "is missing", mended=True),
    "give it to another owner": Deed("ALTER FUNCTION {sync}() OWNER TO pg_monitor", "Function", mended=True),
    "drop the trigger": Deed("DROP TRIGGER {trigger} ON {t}", "is missing", mended=True),
    "rename the trigger": Deed(
        "ALTER TRIGGER {trigger} ON {t} RENAME TO aaa", "is missing", mended=True, phases=("dual_write",)
    ),
    "disable the trigger": Deed("ALTER TABLE {t} DISABLE TRIGGER {trigger}", "is disabled", mended=True),
    "disable every trigger": Deed("ALTER TABLE {t} DISABLE TRIGGER ALL", "is disabled", mended=True),
    "let the trigger not fire always": Deed(
        "ALTER TABLE {t} ENABLE TRIGGER {trigger}", "does not fire in every session", mended=True
    ),
    "disable and enable it in one transaction": Deed(
        "BEGIN; ALTER TABLE {t} DISABLE TRIGGER {trigger}; UPDATE {t} SET {old} = 5 WHERE id = 5; "
        "ALTER TABLE {t} ENABLE ALWAYS TRIGGER {trigger}; COMMIT",
        "was altered",
        mended=True,
        phases=READY,
    ),
    "drop forward": Deed("DROP FUNCTION {forward}(integer)", phases=BEFORE_CONTRACT),
    "drop forward, cascading": Deed(
        "DROP FUNCTION {forward}(integer) CASCADE", "is missing", mended=True, phases=BEFORE_CONTRACT
    ),
    "replace forward": Deed(
        "CREATE OR REPLACE FUNCTION {forward}(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE "
        "BEGIN ATOMIC SELECT 1::bigint; END",
        "is not the one that was made",
        mended=True,
        phases=BEFORE_CONTRACT,
    ),
    "drop back, cascading": Deed("DROP FUNCTION {back}(bigint) CASCADE", "is missing", mended=True),
    "drop an index of the new side": Deed("DROP INDEX ix_{t}_big", "ix_{t}_big", mended=True, phases=READY),
    "drop the twin of a unique index": Deed(
        "DROP INDEX {t}_big_key", "{t}_big_key", mended=True, phases=READY
    ),
    "drop the default of the new side": Deed(
        "ALTER TABLE {t} ALTER big DROP DEFAULT", "default", mended=True, phases=READY
    ),
    "alter the type of the old column": Deed("ALTER TABLE {t} ALTER {old} TYPE numeric"),
    "alter the type of the new column": Deed("ALTER TABLE {t} ALTER big TYPE numeric"),
    "rename the old column": Deed("ALTER TABLE {t} RENAME {old} TO other", "Column"),
    "rename the new column": Deed("ALTER TABLE {t} RENAME big TO other", "Column big"),
    "rename the key": Deed("ALTER TABLE {t} RENAME id TO other", "Column id"),
    "rename the table": Deed("ALTER TABLE {t} RENAME TO other_{t}", "is called public.other_{t}"),
    "move it to another schema": Deed(
        "CREATE SCHEMA away_{t}; ALTER TABLE {t} SET SCHEMA away_{t}", "is called away_{t}.{t}"
    ),
    "delete the change": Deed("DELETE FROM expandcontract.change"),
    "delete a phase": Deed("DELETE FROM expandcontract.phase"),
    "delete the proof": Deed("DELETE FROM expandcontract.proof", phases=("ready", "hidden")),
    "delete history": Deed("DELETE FROM expandcontract.event"),
    "truncate the journal": Deed("TRUNCATE expandcontract.step"),
    "hide the change by hand": Deed(
        "UPDATE expandcontract.change SET state = 'hidden'", phases=("dual_write",)
    ),
}


NAMED = {does: deed for does, deed in DEEDS.items() if deed.named}
IMPOSSIBLE = {does: deed for does, deed in DEEDS.items() if not deed.named}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deed", NAMED.values(), ids=NAMED.keys())
async def test_what_others_do_is_named_and_mended(database: str, deed: Deed) -> None:
    """In every phase doctor names it at once; what can be put back is, and works. Contract is shut."""
    async with living(database, *WIDEN) as life:
        lives = {phase: await _arrived(life, phase) for phase in deed.phases}
        for phase, one in lives.items():
            await _mended(one, phase, deed)


async def test_what_holds_a_change_cannot_be_taken_away(database: str, subtests: pytest.Subtests) -> None:
    """By dependency, or by the guards of the ledger, the database refuses it, and all is well then."""
    async with living(database, *WIDEN) as life:
        lives = {phase: await _arrived(life, phase) for phase in PHASES}
        for does, deed in IMPOSSIBLE.items():
            for phase in deed.phases:
                with subtests.test(f"{does}, {phase}"):
                    with pytest.raises(asyncpg.PostgresError) as refused:
                        await life.sql(deed.does.format(**_words(lives[phase], phase)))
                    assert refused.value.sqlstate in REFUSED
        for one in lives.values():
            assert (await _found(one)).well


async def _mended(life: Life, phase: str, deed: Deed) -> None:
    words = _words(life, phase)
    await life.sql(deed.does.format(**words))
    finding = await _found(life)
    assert not finding.well
    assert deed.named.format(**words) in finding.sentence
    if phase == "ready":
        with pytest.raises(GateShut):
            await life.contract()
    repaired = {found.subject: found for found in await mend.mend(life.context)}[life.name]
    assert repaired.well == deed.mended, repaired
    if deed.mended:
        assert (await _found(life)).well
        await _in_sync(life, phase, words)


async def _arrived(life: Life, phase: str) -> Life:
    """Return a change of a table of its own, named after the phase that it is in."""
    t = phase
    await life.sql(
        f"CREATE TABLE {t}(id int PRIMARY KEY, n int NOT NULL DEFAULT 7 CHECK (n > 0), UNIQUE (n)); "
        f"CREATE INDEX ix_{t}_n ON {t}(n); INSERT INTO {t} SELECT i, i FROM generate_series(1, 50) i"
    )
    taken = tuple(f"{number:04d}_x" for number in range(PHASES.index(phase)))
    one = replace(life, change=plan.named(WIDEN[0], {**WIDEN[1], "column": f"{t}.n"}, taken))
    await one.start()
    if phase != "dual_write":
        await one.backfill()
    if phase == "hidden":
        await one.contract()
    return one


def _words(life: Life, phase: str) -> dict[str, str]:
    hidden = phase == "hidden"
    schema = "expandcontract_sync"
    return {
        "t": phase,
        "old": '"~ec_n"' if hidden else "n",
        "trigger": f'"~ec_{life.name}"',
        "sync": f'{schema}."~e{"k" if hidden else "c"}_{life.name}"',
        "forward": f'{schema}."{life.name}_forward"',
        "back": f'{schema}."{life.name}_back"',
    }


async def _found(life: Life) -> Finding:
    (found,) = [found for found in await doctor.examine(life.context) if found.subject == life.name]
    return found


async def _in_sync(life: Life, phase: str, words: dict[str, str]) -> None:
    written, read = ("big", words["old"]) if phase == "hidden" else (words["old"], "big")
    await life.sql(f"UPDATE {phase} SET {written} = 1000 WHERE id = 9")
    assert await life.value(f"SELECT {read} FROM {phase} WHERE id = 9") == 1000
    if phase == "ready":
        situation = await life.situation()
        assert situation.proof is not None
        assert situation.proof.differences == ()
        await life.contract()


async def test_another_type_is_named_where_nothing_holds_the_column_any_more(database: str) -> None:
    """Who drops the trigger whose condition names the column can alter its type, and it is missed."""
    given = "CREATE TABLE t(id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'x')"
    fields = {"column": "t.name", "type": "timestamptz", "to": "at", "using": "now()", "one_way": True}
    async with living(database, "change-type", fields, given) as life:
        await life.ready()
        (holds,) = await life.rows(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname ~ '^!es_'"
        )
        await life.sql(f'DROP TRIGGER "{holds[0]}" ON t; ALTER TABLE t ALTER at TYPE timestamp')
        finding = await _found(life)
        assert "is of type timestamp without time zone now" in finding.sentence
        with pytest.raises(EcError, match="of type"):
            await life.backfill()
        await life.sql("ALTER TABLE t ALTER at TYPE timestamptz")
        await life.backfill()
        assert (await _found(life)).well


async def test_a_role_that_does_not_own_the_table_is_told(database: str) -> None:
    """Somebody gave the table to another owner: doctor says so before a step fails."""
    async with living(database, *WIDEN) as life:
        one = await _arrived(life, "ready")
        name = await life.value("SELECT 'hand_' || current_database()")
        await life.sql(
            f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA expandcontract TO {name}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA expandcontract TO {name}"
        )
        try:
            await life.sql(f"ALTER DATABASE {name.removeprefix('hand_')} SET role = {name}")
            await life.context.database.close()
            found = [f.sentence for f in await doctor.examine(life.context) if f.subject == one.name]
            assert any("owner of public.ready" in sentence for sentence in found), found
        finally:
            await life.sql(f"ALTER DATABASE {name.removeprefix('hand_')} RESET role")
            await life.sql(f"DROP OWNED BY {name}; DROP ROLE {name}")
