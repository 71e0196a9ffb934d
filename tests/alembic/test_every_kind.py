"""Each kind of change as revisions: up, down and up again, on tables without a row and on tables with one."""

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from expandcontract.alembic.spoken import CALLED
from expandcontract.changes import registry
from tests.acceptance.catalog import difference
from tests.alembic.catalog import schema
from tests.alembic.project import Project
from tests.kinds.cases import Case
from tests.kinds.every import FIRST
from tests.kinds.test_fresh import PAIRS
from tests.rotation import part

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

CASES = [*PAIRS, *FIRST]
_INSERT = re.compile(r"\bINSERT INTO [^;]*(?:;|$)")
#: Of the rows of each table one is left, and none of a table that refers to others.
_LEFT = """
DO $$ DECLARE one text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT c.oid::regclass::text FROM pg_class c
               WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND c.relnamespace = 'public'::regnamespace LOOP
        EXECUTE format(
            'DELETE FROM %1$s WHERE (tableoid, ctid) <> (SELECT tableoid, ctid FROM %1$s LIMIT 1)', one);
    END LOOP;
END $$
"""


#: Those that the whole lives of the kinds acknowledge whatever the case says.
_HAZARDS = {"rename-column": ["upsert:users_lower_idx"]}


def ask(url: str, query: str) -> Any:  # noqa: ANN401 - a value
    """Run a script or a query of the application's; return what that answers first."""

    async def asked() -> Any:  # noqa: ANN401
        connection = await asyncpg.connect(url)
        try:
            if query.lstrip().startswith("SELECT"):
                return await connection.fetchval(query)
            return await connection.execute(query)
        finally:
            await connection.close()

    return asyncio.run(asked())


def spoken(case: Case, operation: str) -> str:
    """Return the operation as somebody would write it: arguments of the command line in order, options by
    name.
    """
    fields: dict[str, Any] = dict(case.fields)
    model: dict[str, Any] = registry.load(case.kind).spec.model_fields
    words = [repr(case.kind)]
    for name, field in model.items():
        if (field.json_schema_extra or {}).get("positional") and name in fields:
            value = fields.pop(name)
            words += [repr(each) for each in (value if isinstance(value, list) else [value])]
    words += [f"{CALLED if name == 'name' else name}={value!r}" for name, value in fields.items()]
    acknowledged = [*case.acknowledged, *_HAZARDS.get(case.id, ())]
    if acknowledged:
        words.append(f"acknowledge={acknowledged!r}")
    return f'op.{operation}({", ".join(words)}, name="b_it")'


def revised(folder: Path, url: str, case: Case) -> tuple[Project, str]:
    """Return a project that makes the change, contracts it where there is anything to, and goes on after
    that; and the revision that is the last one.
    """
    project = Project(folder, url, "sync")
    project.revision("a", None, "pass")
    project.revision("b", "a", spoken(case, "ec_start"), 'op.ec_rollback("b_it")')
    project.upgrade()
    if ask(url, "SELECT state FROM expandcontract.change") == "finished":
        project.downgrade("a")
        project.revision("b", "a", spoken(case, "ec_run"), 'op.ec_rollback("b_it")')
        return project, "b"
    project.revision("c", "b", 'op.ec_contract("b_it", soak="1us")', 'op.ec_undo("b_it")')
    return project, "c"


@pytest.mark.parametrize("case", part(CASES, 4), ids=lambda case: case.id)
def test_there_and_back_on_tables_without_a_row(tmp_path: Path, database: str, case: Case) -> None:
    """In one run, with an ordinary revision behind it; down leaves what was there before."""
    ask(database, _INSERT.sub("", case.given))
    before = schema(database)
    project, last = revised(tmp_path, database, case)
    project.revision("z", last, "pass")
    done = list[str]()
    for _ in range(2):
        project.upgrade()
        assert project.at() == "z"
        assert ask(database, "SELECT state FROM expandcontract.change") in ("purged", "finished")
        done = done or schema(database)
        assert difference(done, schema(database)) == []
        project.downgrade()
        assert case.anew or difference(before, schema(database)) == []


@pytest.mark.parametrize("case", part(CASES, 4, later=1), ids=lambda case: case.id)
def test_there_and_back_on_tables_with_a_row(tmp_path: Path, database: str, case: Case) -> None:
    """A run to ready, and one past the contract."""
    ask(database, f"{case.given};{_LEFT}")
    before = schema(database)
    project, last = revised(tmp_path, database, case)
    for _ in range(2):
        project.upgrade()
        project.upgrade()
        assert project.at() == last
        project.downgrade("b")
        project.downgrade("a")
        assert case.anew or difference(before, schema(database)) == []
