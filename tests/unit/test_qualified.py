"""No text that a session of the application runs leaves a name to its search_path."""

import re
from pathlib import Path

import pytest

from expandcontract.model.names import qualify_constant, qualify_type
from expandcontract.model.step import Purpose, RowTransformation, Sweep, Transformation
from expandcontract.steps.sync import predicates
from expandcontract.sweep import statements
from expandcontract.sweep.transform_statements import render as transformed

PLANS = sorted((Path(__file__).parents[2] / "phases").glob("*/*.sql"))
_BODY = re.compile(r"LANGUAGE plpgsql.*? AS (\$ec+\$)(.*?)\1", re.DOTALL)
_WHEN = re.compile(r"FOR EACH ROW WHEN \((.*)\) EXECUTE FUNCTION")
_COMMENT, _QUOTED = re.compile(r"--[^\n]*"), re.compile(r'"(?:[^"]|"")*"')
#: What is qualified already. `:=`, `=>` and what RAISE is given are no operators.
_STRING = re.compile(r"'(?:[^']|'')*'")
_DONE = re.compile(r"RAISE EXCEPTION USING [^;]*;|OPERATOR\(pg_catalog\.[^)]+\)|:=|=>|\(\*\)|\.\*|SELECT \*")
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_LOOKED_UP = re.compile(
    r"\b(IS\s+(?:NOT\s+)?DISTINCT\s+FROM\b(?!\s+NULL\b(?!\s*::))|BETWEEN|NULLIF|I?LIKE|SIMILAR|IN\s*\()",
    re.IGNORECASE,
)
_TYPE = re.compile(r"::\s*(\w+)(?!\.)\b(?!\s*\.)")
_CALL = re.compile(r"(?<![\w.\"])([a-z_]\w*)\s*\(")
_KEYWORDS = {
    "as",
    "materialized",
    "lateral",
    "array",
    "any",
    "extract",
    "least",
    "filter",
    "where",
    "set",
    "page",
    "v",
    "coalesce",
    "row",
    "if",
    "and",
    "or",
    "not",
    "elsif",
    "when",
    "then",
    "select",
    "from",
    "values",
    "exists",
    "in",
}


def unqualified(text: str) -> list[str]:
    """Return what of a text would be looked up along the search_path."""
    bare = _DONE.sub(" 0 ", _QUOTED.sub("quoted", _STRING.sub("0", _COMMENT.sub("", text))))
    found = _OPERATOR.findall(bare) + _LOOKED_UP.findall(bare)
    found += [t for t in _TYPE.findall(bare) if qualify_type(t) != t and t != "pg_catalog"]
    return found + [name for name in _CALL.findall(bare) if name.lower() not in _KEYWORDS]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_a_plan_makes_names_everything_with_its_schema(path: Path) -> None:
    """Every body that is parsed in the application's session, and every WHEN, holds no operator, type or
    function without its schema.
    """
    text = path.read_text(encoding="utf-8")
    bodies = [body for _, body in _BODY.findall(text)] + _WHEN.findall(text)
    assert {body: left for body in bodies if (left := unqualified(body))} == {}


_ASSIGNED = re.compile(r'(SET|,)\s+(?:\w+|"[^"]+") = ')
SWEEP = Sweep(
    Purpose.COPY,
    "public.t",
    predicates.same("t.b", "t.a"),
    (("b", "t.a"),),
    key=("id",),
    old="a",
    new="b",
    own_path=True,
)
TRANSFORMED = Transformation(
    Purpose.COPY, "public.t", "false", key=("id",), old="a", new="b", function="m:f", type="pg_catalog.text"
)

BY_ROWS = RowTransformation(
    purpose=Purpose.COPY,
    table="public.t",
    wanted="false",
    key=("id",),
    function="m:f",
    columns=("id", "b"),
    values=(("b", "pg_catalog.text"), ("c", "pg_catalog.int4")),
    again="computed.value_1 IS NULL",
    keeps=("b", "c"),
)


def test_what_writes_rows_names_everything_with_its_schema() -> None:
    """The copy's statements run under the search_path of the role, which others may have a hand in."""
    copied = statements.copy(SWEEP, "public.t", "ledger")
    filled = transformed(TRANSFORMED, "public.t", "ledger")
    by_rows = transformed(BY_ROWS, "public.t", "ledger")
    texts = (copied.look, copied.share, copied.rest, filled.read, filled.fill, by_rows.read, by_rows.fill)
    assert [unqualified(_ASSIGNED.sub(r"\1 ", text)) for text in texts] == [[]] * len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "a = b",
        "a IS NOT DISTINCT FROM b",
        "NULL::text",
        "lower(a)",
        "a || b",
        "x BETWEEN 1 AND 2",
        "a IN (1)",
    ],
)
def test_what_is_looked_up_is_seen(text: str) -> None:
    """The search itself finds each kind of name."""
    assert unqualified(text)


@pytest.mark.parametrize(
    ("type_", "qualified"),
    [
        ("text", "pg_catalog.text"),
        ("text[]", "pg_catalog.text[]"),
        ("json", "pg_catalog.json"),
        ('"char"', 'pg_catalog."char"'),
        ("character varying(20)", "character varying(20)"),
        ("numeric(10,2)", "numeric(10,2)"),
        ("timestamp(3) with time zone", "timestamp(3) with time zone"),
        ("interval day to second(3)", "interval day to second(3)"),
        ("public.citext", "public.citext"),
        ('"My Schema"."My Type"(3)[]', '"My Schema"."My Type"(3)[]'),
    ],
)
def test_a_type_is_qualified_unless_the_grammar_does_it(type_: str, qualified: str) -> None:
    """What format_type() writes gets a schema where it has none and takes one."""
    assert qualify_type(type_) == qualified


@pytest.mark.parametrize(
    ("default", "qualified"),
    [
        ("'a''b'::text", "'a''b'::pg_catalog.text"),
        ("'x'::character varying", "'x'::character varying"),
        ("0", "0"),
        ("'-1'::integer", "'-1'::integer"),
        ("(-1.5)", "(-1.5)"),
        ("false", "false"),
        ("NULL::jsonb", "NULL::pg_catalog.jsonb"),
        ("now()", None),
        ("('a'::text || 'b'::text)", None),
        ("5::integer + x", None),
        ("'a'::text || (CURRENT_USER)::text", None),
    ],
)
def test_a_constant_is_told_from_an_expression(default: str, qualified: str | None) -> None:
    """Only a constant is qualified as text; an expression is left to a function that is parsed once."""
    assert qualify_constant(default) == qualified
