"""The sides of a row `t` as a sweep names them: a column as SQL, or `ROW(t.a, t.b)` where there are several.

A column whose name begins so is quoted, and cannot be taken for one.
"""

_ROW = "ROW("


def side_value(side: str) -> str:
    """Return SQL for the value of a side."""
    return side if side.startswith(_ROW) else f"t.{side}"


def side_given(side: str) -> str:
    """Return SQL that is true where the side holds anything."""
    # Of a composite value with a NULL in it IS NOT NULL is not true.
    return f"NOT ({side} IS NULL)" if side.startswith(_ROW) else f"t.{side} IS DISTINCT FROM NULL"
