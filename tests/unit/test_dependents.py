"""What depends on a column, from what the catalog says."""

from expandcontract.postgres.catalog import dependent
from expandcontract.postgres.catalog.dependent import ColumnDependent, WatchedColumn


def found(function: str) -> tuple[ColumnDependent, ...]:
    """Return what is made of a trigger function on the table that has a column's name in its body."""
    body = {
        "tag": 0,
        "function": function,
        "source": "BEGIN RAISE EXCEPTION USING COLUMN = name; END",
        "column": "name",
        "tied": True,
        "tables": ["users"],
    }
    return dependent.found({"dependents": [], "bodies": [body]}, [WatchedColumn(0, 1, "name")])[0]


def test_a_function_of_another_change_is_in_nobody_s_way() -> None:
    """Two changes are open on one table, and a word of one's trigger is the other's column."""
    assert [each.kind for each in found("public.audit()")] == ["function body"]
    assert found('expandcontract_sync."~ec_001_change_size"()') == ()
    assert found('expandcontract_sync."!ec_001_change_size"()') == ()
