"""The whole life of a change on a small table: its acts, what the applications write between them, and what
is there after each.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from expandcontract.engine.context import Context
from expandcontract.engine.verbs import backfill, contract, init, purge, rollback, start, undo, verify
from expandcontract.model.change import Change
from expandcontract.model.events import Listener, ignore
from expandcontract.model.policy import Policy
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import Expected

if TYPE_CHECKING:
    import asyncpg

ROWS = 300
#: Few rows to a batch, so that each point of the sweep is reached several times.
OPTIONS = backfill.BackfillOptions(batch=20)
TABLE = f"""
CREATE TABLE people (
    id int PRIMARY KEY,
    name varchar(40) NOT NULL DEFAULT 'nobody',
    number int,
    pad text DEFAULT '',
    CONSTRAINT people_name_check CHECK (length(name) > 0),
    CONSTRAINT people_number_key UNIQUE (number)
);
CREATE INDEX ix_people_name ON people (name);
CREATE INDEX ix_people_number ON people (number);
CREATE UNIQUE INDEX people_name_id ON people (name, id);
COMMENT ON COLUMN people.name IS 'what they are called';
INSERT INTO people (id, name, number) SELECT g, 'name ' || g, g FROM generate_series(1, {ROWS}) g;
CREATE TABLE written (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.written VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON people FOR EACH ROW
    WHEN (current_setting('application_name') LIKE 'ec%') EXECUTE FUNCTION note();
"""
FORWARD = ("start", "backfill", "verify", "contract", "undo", "backfill", "contract", "purge")
BACKWARD = ("start", "backfill", "rollback")
LIVES = (FORWARD, BACKWARD)

#: What each side of each row holds.
Values: TypeAlias = Mapping[int, Sequence[str | None]]


@dataclass(frozen=True)
class Example:
    """A change of `people`: the column that old code writes, the one that new code writes before and after
    contract, and values for both.
    """

    kind: str
    fields: Mapping[str, Any]
    old: str
    new: str
    after: str
    prefix: str = "'n' || "

    @property
    def change(self) -> Change:
        """The change itself."""
        return Change("0001_people", self.kind, dict(self.fields))


EXAMPLES = {
    "rename": Example("rename-column", {"column": "people.name", "new_name": "display_name"}, "name",
    "display_name", "display_name"),
    "to": Example("change-type", {"column": "people.number", "type": "bigint", "to": "big_number"}, "number",
    "big_number", "big_number", "1000 + "),
    "swap": Example("change-type", {"column": "people.name", "type": "text", "swap": True}, "name",
    "~ec_new_name", "name"),
}  # fmt: skip


async def act(
    url: str,
    what: Example | Change,
    verb: str,
    listen: Listener = ignore,
    options: backfill.BackfillOptions = OPTIONS,
    acknowledged: Collection[str] = (),
) -> None:
    """Carry out one act as a process of its own would, with a connection pool that is closed at the end."""
    change = what if isinstance(what, Change) else what.change
    database = Database(url)
    policy = Policy(quiet_for=timedelta(0), soak=timedelta(microseconds=1), lock_budget=timedelta(seconds=20))
    try:
        await _verb(Context(database, policy, listen, "test"), change, verb, options, acknowledged)
    finally:
        await database.close()


async def _verb(
    context: Context,
    change: Change,
    verb: str,
    options: backfill.BackfillOptions,
    acknowledged: Collection[str],
) -> None:
    name = change.name
    match verb:
        case "init":
            await init.init(context)
        case "start":
            await start.start(context, change, start.Consent(acknowledged=Expected(acknowledged)))
        case "backfill":
            await backfill.backfill(context, name, options)
        case "verify":
            await verify.verify(context, name)
        case "contract":
            await contract.contract(context, name)
        case "undo":
            await undo.undo(context, name)
        case "rollback":
            await rollback.rollback(context, name)
        case "purge":
            await purge.purge(context, name, now=True, confirm=name)
        case _:
            raise ValueError(verb)


@dataclass(frozen=True)
class Written:
    """What each row's value must be now, on both sides, and a row of which another column was written: that
    may have filled it.
    """

    values: Mapping[int, str]
    touched: int


async def write(application: "asyncpg.Connection[Any]", example: Example, number: int) -> Written:
    """Write like every version of the application that may run now: new code not before both sides are kept
    in sync.

    `number` makes the values and the rows of one call different from those of others.
    """
    there = await _columns(application)
    if not await application.fetchval(
        "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'people'::regclass AND tgname LIKE '~e%'"
    ):
        there = [column for column in there if column != example.new or example.old not in there]
    expected = {}
    for place, column in enumerate(dict.fromkeys((example.old, example.new, example.after))):
        if column in there:
            inserted, updated = 1000 + number * 10 + place, number * 10 + place + 1
            await application.execute(
                f'INSERT INTO people (id, "{column}") VALUES ($1, {example.prefix}$1::int)', inserted
            )
            await application.execute(
                f'UPDATE people SET "{column}" = {example.prefix}(id + 5000) WHERE id = $1', updated
            )
            expected[inserted] = await application.fetchval(
                f"SELECT ({example.prefix}$1::int)::text", inserted
            )
            expected[updated] = await application.fetchval(
                f"SELECT ({example.prefix}($1::int + 5000))::text", updated
            )
    touched = number * 10 + 9
    await application.execute("UPDATE people SET pad = pad || 'x' WHERE id = $1", touched)
    return Written(expected, touched)


async def values(application: "asyncpg.Connection[Any]", example: Example) -> Values:
    """Return what each side holds, by row: one side or two, and the hidden one."""
    sides = [
        c
        for c in await _columns(application)
        if c in {example.old, example.new, example.after, f"~ec_{example.old}"}
    ]
    array = ", ".join(f'"{column}"::text' for column in sides)
    return {row[0]: row[1] for row in await application.fetch(f"SELECT id, ARRAY[{array}] FROM people")}


async def _columns(application: "asyncpg.Connection[Any]") -> list[str]:
    query = """SELECT attname::text FROM pg_attribute
        WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1"""
    return [row[0] for row in await application.fetch(query)]


@dataclass(frozen=True)
class After:
    """What is there after an act. Two are the same when the same is there, however it came about."""

    values: Values
    catalog: Mapping[str, Sequence[str]]
    ledger: Mapping[str, Any]
    #: How often `ec` wrote each row since the life began.
    written: Mapping[int, int] = field(compare=False)


async def after(application: "asyncpg.Connection[Any]", example: Example) -> After:
    """Look at the rows, at what in the catalog belongs to the table or to `ec`, and at the ledger."""
    catalog = {name: [row[0] for row in await application.fetch(query)] for name, query in _CATALOG.items()}
    ledger = {name: await application.fetchval(query) for name, query in _LEDGER.items()}
    written = {
        row[0]: row[1] for row in await application.fetch("SELECT id, count(*) FROM written GROUP BY 1")
    }
    return After(await values(application, example), catalog, ledger, written)


_CATALOG = {
    "columns": """SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attstattarget,
            attstorage, col_description(attrelid, attnum),
            pg_get_expr(adbin, adrelid))
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = 'people'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1""",
    "constraints": """SELECT concat_ws(' ', conname, convalidated, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = 'people'::regclass ORDER BY 1""",
    "indexes": """SELECT concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid, indisready, indimmediate)
        FROM pg_index WHERE indrelid = 'people'::regclass ORDER BY 1""",
    "triggers": """SELECT concat_ws(' ', tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger
        WHERE tgrelid = 'people'::regclass AND NOT tgisinternal ORDER BY 1""",
    "functions": """SELECT concat_ws(' ', proname, pg_get_function_identity_arguments(oid),
            md5(concat(prosrc, pg_get_function_sqlbody(oid))), proacl)
        FROM pg_proc WHERE pronamespace = 'expandcontract_sync'::regnamespace ORDER BY 1""",
    "relations": """SELECT concat_ws(' ', relname, relkind) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace ORDER BY 1""",
}  # fmt: skip
_LEDGER = {
    "change": "SELECT concat_ws(' ', state, attempt, cycle) FROM expandcontract.change",
    "phases": """SELECT array_agg(concat_ws(' ', attempt, phase, status) ORDER BY attempt, phase)
        FROM expandcontract.phase""",
    "steps": """SELECT array_agg(concat_ws(' ', attempt, cycle, section, step, status)
            ORDER BY attempt, cycle, section, step) FROM expandcontract.step""",
    "proof": """SELECT concat_ws(' ', finished_at IS NOT NULL, rows_compared >= 300, mismatches,
            spoiled_at IS NOT NULL) FROM expandcontract.proof ORDER BY id DESC LIMIT 1""",
    "copied": "SELECT sum(rows) FROM expandcontract.chunk WHERE purpose = 'copy'",
    "open chunks": "SELECT count(*) FROM expandcontract.chunk WHERE status <> 'done'",
    # That of a process that died after its last step stays until somebody has work to do; it is known to be
    # dead.
    "leases": "SELECT count(*) FROM expandcontract.holder WHERE alive",
    "conflicts": "SELECT count(*) FROM expandcontract.conflict",
}  # fmt: skip
