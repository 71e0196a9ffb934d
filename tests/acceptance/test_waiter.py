"""What a deploy pipeline sees: a role that may read one view, and nothing else."""

from datetime import timedelta

from expandcontract import gates
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import status, wait
from expandcontract.ledger.rights import grants
from expandcontract.model.events import ignore
from expandcontract.postgres.connect import Database
from tests.acceptance.cycle import POLICY, living

GIVEN = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')"


async def test_a_pipeline_waits_with_a_right_on_one_view(database: str) -> None:
    """`ec status`, `gates` and `wait` need SELECT on status_v1 alone, and say what the owner's say."""
    fields = {"column": "users.name", "new_name": "full_name"}
    async with living(database, "rename-column", fields, f"CREATE ROLE pipeline_1 LOGIN; {GIVEN}") as life:
        mine = await life.ready()
        await life.sql("\n".join(grants("expandcontract", "waiter", "pipeline_1")))
        theirs = Database(database.replace("//postgres@", "//pipeline_1@", 1))
        context = Context(theirs, POLICY, ignore, "the pipeline")
        try:
            (seen,) = await status.load(context)
            await wait.wait(context, life.name, "ready", timedelta(0))
        finally:
            await theirs.close()
            await life.sql("DROP OWNED BY pipeline_1; DROP ROLE pipeline_1")
        assert (seen.phases, seen.proof, seen.live.leaves) == (mine.phases, mine.proof, mine.live.leaves)
        assert all(verdict.open for verdict in gates.judge_all(seen) if verdict.hard)
