"""Whatever is asked for, compiling ends in a plan that is well-formed SQL, or in an error with a code."""

import os
import types
import typing
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expandcontract.changes import registry
from expandcontract.engine import plan_files, planner
from expandcontract.engine.planner import Catalog
from expandcontract.model.change import Change
from expandcontract.model.errors import BadChangeFile, EcError
from expandcontract.model.names import MAX_BYTES, quote
from expandcontract.model.plan import Plan, from_data, to_data
from expandcontract.model.step import Concurrent, Sweep, Transactional
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Judgement, Question, Trial
from expandcontract.postgres.connect import Database
from tests.kinds.cases import Case
from tests.kinds.every import EVERY
from tests.kinds.pairs import PAIRS
from tests.property import kept_catalogs
from tests.property.kept_catalogs import MARK, Kept, nasty
from tests.property.sql_tokens import tokens

UPDATE = os.environ.get("EC_UPDATE_GOLDEN") == "1"
#: Always refused, once the server was asked.
_REFUSED = Case(
    "add-exclusion", "add-exclusion", {"table": "users", "definition": "btree (name WITH =)"}, "", ""
)
_CASES = (*EVERY, *PAIRS, _REFUSED)
_TYPES = ("text", "bigint", "numeric(10, 2)", "timestamptz", "integer[]", 'text COLLATE "C"', "char(3)")
#: All that UTF-8 has, without encoding each once to find out.
_CHARACTERS = st.characters(exclude_categories=["Cs"])
_EXPRESSIONS = ("1", "now()", "NULL", "'it''s; --'", "$$a'b$$", "E'\\''", "(1) + 2", "true")
_NAMES = (
    "plain", "select", "user", "CamelCase", "with space", "~ec_x", "~ec_new_total", "!es_x", "ctid", "",
    "a" * 63, "b" * 64, "é" * 31, "ü" * 40, "a.b", "a\nb", 'a"b', "a'b", "$ec$", "--", "/*", "*/", "\\", "%s",
    "{0}", f"{MARK}", f'{MARK}"', f"{MARK}'; DROP TABLE x; --", f"{MARK}$ec$", f"{MARK}\n", "\x7f", "\x00",
)  # fmt: skip


def _words(kept: Kept) -> st.SearchStrategy[str]:
    """Strings as users write them: names, targets, lists, types, expressions, and anything."""
    snapshot = kept.catalog.snapshot
    names = [each.name for each in snapshot.columns]
    names += [each.name for each in snapshot.indexes] + [each.name for each in snapshot.constraints]
    name = st.sampled_from([*names, *_NAMES, nasty("other")]) | st.text(_CHARACTERS, max_size=70)
    quoted = name.map(quote)
    # A table that is still to come has none.
    column = st.sampled_from([each.name for each in snapshot.columns] or ["none"]).map(quote)
    table = st.just(snapshot.table.sql) | st.just(quote(snapshot.table.name)) | quoted
    target = st.builds("{}.{}".format, table, column | quoted)
    columns = st.lists(column | quoted, min_size=1, max_size=3).map(", ".join)
    type_, expression = st.sampled_from(_TYPES), st.sampled_from(_EXPRESSIONS) | column
    into = st.builds("{} {} = {}".format, column | quoted, type_ | st.just(""), expression)
    listed = st.builds("{}({})".format, table, columns)
    return st.one_of(
        quoted,
        name,
        table,
        target,
        columns,
        type_,
        expression,
        into,
        listed,
        st.text(_CHARACTERS, max_size=200),
    )


def _values(annotation: Any, words: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:  # noqa: ANN401
    """What a field of a spec may be given, by what it is declared as."""
    if annotation is str:
        return words
    if annotation is bool:
        return st.booleans()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from([each.value for each in annotation])
    of = typing.get_args(annotation)
    if typing.get_origin(annotation) in (list, tuple):
        return st.lists(_values(of[0], words), max_size=3)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return st.one_of(*(_values(each, words) for each in of))
    return st.from_type(annotation) | words


@st.composite
def asked(draw: st.DrawFn) -> tuple[Kept, dict[str, Any]]:
    """Draw what is kept of one kind, and other values in some fields of its spec."""
    kept = KEPT[draw(st.integers(0, len(KEPT) - 1))]
    known = registry.load(kept.kind).spec.model_fields
    words, fields = _words(kept), dict(kept.fields)
    for name in draw(st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True)):
        fields[name] = draw(_values(known[name].annotation, words))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=1)):
        del fields[name]
    return kept, fields


def _change(kind: str, fields: Mapping[str, Any]) -> Change:
    return Change(f"0001_{kind.replace('-', '_')}", kind, fields)


def _answered(kept: Kept, fields: dict[str, Any]) -> Catalog:
    """Return the catalog with an answer to what these fields ask, where one of its shape is kept: as if the
    server had understood every expression as it did another one.
    """
    question = planner.question(_change(kept.kind, fields), kept.catalog.snapshot)
    # What it was answered itself speaks of its own snapshot; what is said of a pair names its indexes, too.
    for other in (kept,) if isinstance(question, Question) else (kept, *KEPT):
        if other.kind == kept.kind and _shape(other.catalog.question) == _shape(question):
            judged = _reading(other.catalog.judgement, question, kept.catalog.snapshot)
            return Catalog(question, kept.catalog.snapshot, judged)
    return kept.catalog


def _reading(judged: Answer, question: object, snapshot: Snapshot) -> Answer:
    """Let the expressions of a pair read columns of neither side, where somebody wrote any."""
    if not (isinstance(judged, Judgement) and isinstance(question, Question) and question.using):
        return judged
    others = tuple(each.name for each in snapshot.columns if each.name not in question.columns)[:2]
    forward, back = (each and replace(each, reads=others) for each in (judged.forward, judged.back))
    return replace(judged, forward=forward, back=back)


def _shape(question: object) -> object:
    match question:
        case Trial():  # a function is made of each expression, and answered for
            return question.query, len(question.statements)
        case Question(rules=rules):  # and so is each rule
            return [len(each) for each in (rules.checks, rules.unique, rules.keys, rules.defaults)]
        case _:
            return type(question)


def _statements(plan: Plan) -> Iterator[str]:
    for steps in plan.sections.values():
        for step in steps:
            match step.action:
                case Transactional(statements=statements):
                    yield from statements
                case Concurrent(statement=statement, probe=probe, repair=repair):
                    yield from (statement, probe, repair)
                case Sweep() as sweep:
                    yield f"SELECT FROM {sweep.table} WHERE ({sweep.wanted}) AND ({sweep.unfit})"
                    yield from (f"{column} = {value}" for column, value in sweep.assignments)
            yield from step.reverse
            yield from (f"LOCK TABLE {lock.relation}" for lock in step.locks)


@lru_cache(maxsize=10_000)  # most statements of a kind are the same in many examples
def _well_formed(sql: str, *, body: bool = False) -> None:
    """One statement, or the body of a function: no name of ours stands bare, none is longer than PostgreSQL
    takes, and what is opened is closed.
    """
    opened, cut = 0, list(tokens(sql))
    if any(token.text == "ATOMIC" for token in cut) and [token.text for token in cut[-2:]] == [";", "END"]:
        cut = cut[:-2]
    for token in cut:
        match token.kind:
            case "quoted":
                assert len(token.name.encode()) <= MAX_BYTES, token.name
                assert "\0" not in token.name
            case "body":
                _well_formed(token.inner, body=True)
            case "string":
                assert "\0" not in token.text
            case _:
                assert MARK not in token.text, f"bare: {token.text!r}"
                assert token.text != ";" or body, f"more than one statement: {sql}"
        opened += {"(": 1, ")": -1}.get(token.text, 0)
        assert opened >= 0, sql
    assert opened == 0, sql


def _says_what(error: EcError) -> None:
    assert error.code.startswith("EC")
    assert error.message


def _judge(change: Change, catalog: Catalog) -> bool:
    """Return whether there is a plan. Raises AssertionError for one that no server would take."""
    try:
        plan = planner.compose(change, catalog, "expandcontract")
    except EcError as error:
        _says_what(error)
        return False
    for statement in _statements(plan):
        _well_formed(statement)
    data = to_data(plan)
    assert to_data(from_data(data)) == data
    assert plan_files.render(plan, "expandcontract")
    assert len(plan.fingerprint) == 12
    return True


def _compiled(case: tuple[Kept, dict[str, Any]]) -> None:
    kept, fields = case
    change = _change(kept.kind, fields)
    try:
        catalog = _answered(kept, fields)
    except EcError as error:
        _says_what(error)
        return
    _judge(change, catalog)


Asking: TypeAlias = tuple[Database, "asyncpg.Connection[Any]"]


@pytest.fixture
async def asking(empty_database: str) -> AsyncIterator[Asking]:
    """Give a database in which nothing is kept."""
    database, connection = Database(empty_database), await asyncpg.connect(empty_database)
    yield database, connection
    await database.close()
    await connection.close()


@pytest.mark.skipif(
    not UPDATE, reason="not on PostgreSQL: the catalogs are kept; EC_UPDATE_GOLDEN=1 asks anew"
)
async def test_the_catalogs_are_asked_anew(asking: Asking) -> None:
    """One for each case of each kind."""
    kept_catalogs.write([await kept_catalogs.ask(*asking, case) for case in _CASES])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_server_takes_every_plan(asking: Asking) -> None:
    """Each case of each kind, where every name is one that needs every care: the plan is tried as always."""
    database, connection = asking
    for case in (*EVERY, *PAIRS):
        change = await kept_catalogs.prepare(connection, case)
        async with database.transaction() as conn:
            plan = await planner.compile_plan(conn, change, "expandcontract")
        assert not {note.code for note in plan.hazards} & {"not-tried"}, case.id


KEPT = kept_catalogs.read() if kept_catalogs.PATH.exists() else ()


def test_every_kind_has_a_kept_catalog() -> None:
    """A new kind is thrown at, too, once EC_UPDATE_GOLDEN=1 has asked for its cases; each compiles. Whoever
    changes what a kind asks the server asks anew as well: what is kept was asked for another question.
    """
    assert set(registry.kinds()) == {each.kind for each in KEPT}
    for each in KEPT:
        assert _judge(_change(each.kind, each.fields), each.catalog) == (each.kind != _REFUSED.kind), (
            each.fields
        )


@given(asked())
@settings(max_examples=300)
def test_a_plan_or_an_error(case: tuple[Kept, dict[str, Any]]) -> None:
    """Never a traceback, and in no plan a name that is not quoted."""
    _compiled(case)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(asked())
@settings(max_examples=10_000)
def test_a_plan_or_an_error_of_many(case: tuple[Kept, dict[str, Any]]) -> None:
    """The same, thousands of times, with other examples in each run."""
    _compiled(case)


def test_a_zero_byte_is_refused() -> None:
    """In whatever field: PostgreSQL knows no text with one in it."""
    with pytest.raises(BadChangeFile, match="field 'set': a text cannot hold a zero byte"):
        planner.validate("update-rows", {"table": "a", "set": ["b = '\0'"], "where": "c"})
