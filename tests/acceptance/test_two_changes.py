"""Two changes of one table at the same time, of different columns."""

from expandcontract.engine.verbs import plan
from tests.acceptance.cycle import living

GIVEN = """
CREATE TABLE users (id int PRIMARY KEY, name text, email text);
INSERT INTO users VALUES (1, 'Ada', 'ada@example.com')
"""


async def test_another_change_is_no_hazard(database: str) -> None:
    """A plan that was reviewed stays as it is when another change of the table begins or ends: the sync
    trigger of the other one writes other columns.
    """
    fields = {"column": "users.name", "new_name": "full_name"}
    async with living(database, "rename-column", fields, GIVEN) as life:
        other = plan.named("rename-column", {"column": "users.email", "new_name": "address"}, (life.name,))
        before = await plan.make(life.context, other)
        await life.ready()
        beside = await plan.make(life.context, other)
        assert (beside.fingerprint, beside.hazards) == (before.fingerprint, before.hazards)
