"""Partitions that were attached after the plan was made, and what has to be built on each of them first.

CREATE INDEX on a partitioned table adopts the matching indexes of its partitions, and builds those that are
missing, all the while writers of every partition wait.
"""

from dataclasses import replace

from expandcontract.engine import concurrent
from expandcontract.engine.leased_work import Work
from expandcontract.model.names import RelationName
from expandcontract.model.phases import Section
from expandcontract.model.step import Concurrent, Step
from expandcontract.postgres.query import rows
from expandcontract.steps import indexes, tables

_LEAVES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) p
JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.isleaf AND c.relkind = 'r' ORDER BY 1, 2
"""


async def build(work: Work, section: Section, step: Step) -> None:
    """Build concurrently, on partitions that the plan does not know, what the step will adopt of them."""
    index = step.adopts
    if index is None:
        return
    known = {each.action.relation for each in work.plan.steps(section) if isinstance(each.action, Concurrent)}
    async with work.context.database.transaction() as conn:
        leaves = [RelationName(*row) for row in await rows(conn, _LEAVES, work.situation.relation)]
    for leaf in leaves:
        if leaf.sql not in known:
            sentence = f"build {index.name} on {leaf}, which came after the plan, without stopping anybody"
            work.context.notice(work.name, f"{leaf} came after the plan: {index.name} is built there first.")
            name = indexes.leaf_name(leaf, index.name)
            building = tables.create_index(leaf, name, index.definition, unique=index.unique)
            await concurrent.run(work, section, replace(step, sentence=sentence), building)
