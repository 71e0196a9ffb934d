"""Rules that are asked for the new side of a pair: what a spec says of them, and what a plan makes of it."""

import re
from collections.abc import Iterator, Mapping

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from expandcontract.changes import into, preflight
from expandcontract.changes.key_actions import KeyAction, actions
from expandcontract.changes.kind import Spec
from expandcontract.model.change import Pair
from expandcontract.model.chosen_names import chosen
from expandcontract.model.errors import BadExpression, NameTaken, UnsupportedShape
from expandcontract.model.names import RelationName, parse_column, quote
from expandcontract.model.notes import Note
from expandcontract.model.site import Site
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import (
    DefaultJudged,
    Judgement,
    KeyAsked,
    KeyJudged,
    Question,
    RulesAsked,
    RulesJudged,
)
from expandcontract.steps.references import Reference
from expandcontract.steps.sync.refusals import NewCheck, NewKey, NewRules, NewUnique

#: By what values are equal, unless the server says otherwise.
_EQUAL = "OPERATOR(pg_catalog.=)"
_NAMED = re.compile(r'CONSTRAINT\s+("(?:[^"]|"")+"|[^\s"(]+)\s+CHECK\s*\((.*)\)', re.IGNORECASE | re.DOTALL)
#: A partitioned table takes a foreign key that is NOT VALID from 18 on.
_NOT_VALID_SINCE = 180000
#: Beside those of the kind itself.
_LAST: JsonDict = {"last": True}
_CHECK = "What must hold of the new side, as in CHECK (...); with a name: 'CONSTRAINT name CHECK (...)'"
_ON_DELETE, _ON_UPDATE = "When the row referred to is deleted", "When the row referred to gets another key"


class OneRuled(Spec):
    """What may be asked of a new side that is one column. New code alone has to keep it until contract."""

    not_null: bool = Field(
        default=False, description="Every row has a value in the new column.", json_schema_extra=_LAST
    )
    check: list[str] = Field([], description=_CHECK, json_schema_extra=_LAST | {"metavar": "EXPR"})
    unique: bool = Field(
        default=False, description="No two rows have the same new value.", json_schema_extra=_LAST
    )
    references: str | None = Field(
        None, description="What it refers to: [schema.]table[.column]", json_schema_extra=_LAST
    )
    on_delete: KeyAction = Field(KeyAction.NO_ACTION, description=_ON_DELETE, json_schema_extra=_LAST)
    on_update: KeyAction = Field(KeyAction.NO_ACTION, description=_ON_UPDATE, json_schema_extra=_LAST)
    default: str | None = Field(
        None, description="Its default, in place of what the old one's makes", json_schema_extra=_LAST
    )
    comment: str | None = Field(
        None, description="Its comment, in place of the old one's", json_schema_extra=_LAST
    )

    @model_validator(mode="after")
    def _acts_on_something(self) -> "OneRuled":
        _examine_actions(bool(self.references), self.on_delete, self.on_update)
        return self

    @property
    def ruled(self) -> bool:
        """Whether anything was asked."""
        return bool(self.not_null or self.check or self.unique or self.references or self.default)

    def rules(self, new: str) -> RulesAsked:
        """Return what was asked, of the column `new`. Raises BadName."""
        acts = actions(self.on_delete, self.on_update)
        return RulesAsked(
            not_null=(new,) if self.not_null else (),
            checks=tuple(map(_check, self.check)),
            unique=(new,) if self.unique else (),
            keys=() if self.references is None else (KeyAsked(new, self.references, acts),),
            defaults=() if self.default is None else ((new, self.default),),
            comment=self.comment,
        )


class EachRuled(Spec):
    """What may be asked of each column of a new side."""

    not_null: list[str] = Field(
        [],
        description="A new column in which every row has a value.",
        json_schema_extra=_LAST | {"metavar": "COLUMN"},
    )
    check: list[str] = Field([], description=_CHECK, json_schema_extra=_LAST | {"metavar": "EXPR"})
    unique: list[str] = Field(
        [],
        description="A new column in which no two rows have the same value.",
        json_schema_extra=_LAST | {"metavar": "COLUMN"},
    )
    references: list[str] = Field(
        [],
        description="A new column, and what it refers to: [schema.]table[.column]",
        json_schema_extra=_LAST | {"metavar": "'COLUMN = TABLE'"},
    )
    on_delete: KeyAction = Field(KeyAction.NO_ACTION, description=_ON_DELETE, json_schema_extra=_LAST)
    on_update: KeyAction = Field(KeyAction.NO_ACTION, description=_ON_UPDATE, json_schema_extra=_LAST)
    default: list[str] = Field(
        [],
        description="A new column, and its default from contract on",
        json_schema_extra=_LAST | {"metavar": "'COLUMN = EXPR'"},
    )

    @model_validator(mode="after")
    def _acts_on_something(self) -> "EachRuled":
        _examine_actions(bool(self.references), self.on_delete, self.on_update)
        into.require_made((*self.references, *self.default))
        return self

    def rules(self, *news: str) -> RulesAsked:
        """Return what was asked of the columns `news`. Raises BadName, and BadExpression for another one."""
        acts = actions(self.on_delete, self.on_update)
        return RulesAsked(
            not_null=tuple(_one_of(news, each, "--not-null") for each in self.not_null),
            checks=tuple(map(_check, self.check)),
            unique=tuple(_one_of(news, each, "--unique") for each in self.unique),
            keys=tuple(KeyAsked(*_assigned(news, each, "--references"), acts) for each in self.references),
            defaults=tuple(_assigned(news, each, "--default") for each in self.default),
        )


def _examine_actions(refers: bool, *acts: KeyAction) -> None:  # noqa: FBT001 - what is examined
    if not refers and set(acts) != {KeyAction.NO_ACTION}:
        raise ValueError("--on-delete and --on-update say what --references does")


def _check(written: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(written)
    return ("", written) if match is None else (parse_column(match[1]), match[2])


def _assigned(news: tuple[str, ...], written: str, option: str) -> tuple[str, str]:
    made_ = into.made(written)
    if made_.type:
        raise BadExpression(f"{option} gives {quote(made_.name)} a type, {made_.type}: --into does that.")
    return _one_of(news, quote(made_.name), option), made_.expression


def _one_of(news: tuple[str, ...], written: str, option: str) -> str:
    name = parse_column(written)
    if name not in news:
        raise BadExpression(f"{option} names {quote(name)}, which is none of {', '.join(map(quote, news))}.")
    return name


def referred(judged: RulesJudged) -> tuple[Referred, ...]:
    """Return the tables to which the new side will refer, in the order of its foreign keys."""
    return tuple(Referred(each.table, (each.other,)) for each in judged.keys)


def sites(snapshot: Snapshot) -> tuple[Site, ...]:
    """Return them as further tables that the change works on."""
    return tuple(Site(each.table, uses=each.columns) for each in snapshot.referred)


def made(
    snapshot: Snapshot,
    question: Question,
    judged: Judgement,
    types: Mapping[str, str],
    carried: frozenset[str],
    *,
    tells_null: bool = False,
) -> NewRules:
    """Return the rules with their names; `carried` are those that other things get meanwhile. Raises
    NameTaken, and UnsupportedShape for what such a table cannot have.
    """
    asked, said, names = question.rules, judged.rules, _Names(snapshot, carried)
    _examine(snapshot, asked, said)
    return NewRules(
        not_null=asked.not_null,
        checks=tuple(
            NewCheck(
                names.of(each.name, _told(each.columns), "check"), each.expression, each.columns, each.types
            )
            for each in said.checks
        ),
        uniques=tuple(
            NewUnique(names.of("", each, "key"), each, said.equal.get(each, _EQUAL)) for each in asked.unique
        ),
        keys=tuple(
            _key(names, key.column, each, found.table)
            for key, each, found in zip(asked.keys, said.keys, snapshot.referred, strict=True)
        ),
        defaults=tuple(
            (each.column, each.default) for each in said.defaults if each.default and _late(question, each)
        ),
        default_replaced=question.new in (each.column for each in said.defaults),
        default_goes=tells_null or (default_of(question, judged) != judged.default and not said.defaults),
        tells_null=tells_null,
        types=tuple(types.items()),
        comment=asked.comment,
    )


def default_of(question: Question, judged: Judgement) -> str | None:
    """Return the default that the new side has from ready on: what was asked for, unless that makes another
    value at each call; what the old one's makes; or, where NOT NULL was asked for, what forward makes of
    nothing, so that a NULL that new code gives can be told from nothing.
    """
    for each in judged.rules.defaults:
        if each.column == question.new:
            return None if _late(question, each) else each.default
    return judged.default or judged.rules.nothing


def tells_null(question: Question, default: str | None, *, freed: bool) -> bool:
    """Whether a default until contract has to tell who gave NULL from who gave nothing: where that makes a
    difference, and none that makes a value does. `freed`: the old side is NOT NULL, and the new one is not.
    """
    matters = question.new in question.rules.not_null or freed
    return matters and default is None and not (question.more or question.rules.defaults)


def _late(question: Question, default: DefaultJudged) -> bool:
    """Whether a default begins at contract: before, it would be taken for what new code gave. Of a side of
    several columns nobody compares with any.
    """
    return bool(question.more) or default.kind in {"volatile", "opaque"}


def _told(columns: tuple[str, ...]) -> str:
    return columns[0] if len(columns) == 1 else ""


def _key(names: "_Names", column: str, key: KeyJudged, table: RelationName) -> NewKey:
    definition = f"FOREIGN KEY ({quote(column)}) REFERENCES {table.sql}{key.after}"
    reference = Reference((column,), table, (key.other,), (key.equal,), partitioned=key.partitioned)
    return NewKey(names.of("", column, "fkey"), column, definition, reference, looked_up=not key.row_security)


class _Names:
    """Names for constraints, none of them twice."""

    def __init__(self, snapshot: Snapshot, carried: frozenset[str]) -> None:
        self._table = snapshot.table.name
        self._taken = {*snapshot.taken_names, *carried}

    def of(self, written: str, columns: str, label: str) -> str:
        """Return what the user wrote, or what PostgreSQL would choose. Raises NameTaken."""
        name = written or chosen(self._table, columns, label, self._taken)
        preflight.examine_not_ours(name)
        if name in self._taken:
            raise NameTaken(f"The name {quote(name)} is taken.", why="Choose another one for the CHECK.")
        self._taken.add(name)
        return name


def _examine(snapshot: Snapshot, asked: RulesAsked, judged: RulesJudged) -> None:
    table = snapshot.table
    if asked.unique and snapshot.relation.partitioned:
        raise UnsupportedShape(
            f"{table} is partitioned: what is UNIQUE there must have the partition key in it.",
            why="PostgreSQL looks for an equal value in one partition alone.",
        )
    if judged.keys and snapshot.relation.partitioned and snapshot.server_version < _NOT_VALID_SINCE:
        raise UnsupportedShape(
            f"{table} has partitions.",
            why="Before PostgreSQL 18 it takes no foreign key without a scan that stops writes.",
            next="Leave --references out, and add it to each partition after purge.",
        )
    for key in judged.keys:
        if key.table == table:
            raise UnsupportedShape(
                f"--references names {table} itself.",
                why="Rows of one statement may refer to each other, and no trigger before them can tell.",
                next=f"Leave it out; after purge: ec start add-foreign-key {table}.{quote(key.column)} ...",
            )


def notes(pair: Pair, rules: NewRules, default: str | None) -> Iterator[Note]:
    """What the plan says of them: what holds from when on, and for whom. `default` is that of the new side
    until contract.
    """
    if rules.held or rules.keys:
        yield Note(
            "new-rules",
            "Rules that are asked for the new side hold for new code alone from ready on. What old code "
            "writes is never refused for one: where the expression leaves a row that breaks a rule, verify "
            "names it, and contract stays shut. From contract on PostgreSQL holds them for everybody.",
        )
    if rules.not_null and default is None and not rules.tells_null:
        names = ", ".join(map(quote, rules.not_null))
        yield Note(
            "null-inserted",
            f"Until contract an INSERT in which {names} is NULL, and nothing else of the new side is given, "
            f"cannot be told from one of old code, and is taken for that. An UPDATE to NULL is refused.",
        )
    if rules.tells_null:
        new = quote(pair.new.column)
        yield Note(
            "null-told",
            f"From ready to contract the default of {new} is NULL, made by a function that notes that it was "
            "called: so an INSERT that gives NULL, and nothing else, is told from one that leaves the column "
            "out, which is old code's. It costs the latter 2 to 4 us a row.",
        )
    for unique in rules.uniques:
        yield Note.hazard(
            "unique-at-contract",
            f"{quote(unique.name)} is unique only from contract on. Until then new code is refused a value "
            f"of {quote(unique.column)} that it can see in another row; two sessions that write one at the "
            "same moment both may, and what the expression makes equal of old code's values stays. As long "
            f"as there are equal ones verify names them, and contract does not get through. ON CONFLICT "
            f"({quote(unique.column)}) fails until then (42P10).",
            about=unique.name,
        )
    for key in rules.keys:
        yield Note("key-at-contract", _of_key(key))
    for column, given in rules.defaults:
        yield Note(
            "default-at-contract",
            f"{given} is the default of {quote(column)} from contract on: before, it could not be told "
            "from what new code gives.",
        )
    if rules.default_replaced and not rules.defaults and not pair.more:
        yield Note(
            "default-of-new",
            f"Until contract an INSERT that gives neither side is one of old code: {quote(pair.new.column)} "
            "is what the expression makes of it, and gets its default from contract on.",
        )


def _of_key(key: NewKey) -> str:
    other = key.reference.other
    if not key.looked_up:
        return (
            f"{quote(key.name)} refuses nothing before contract: {other} has row security, and who writes "
            "may not see all its rows. Rows that refer to nothing are named by verify."
        )
    return (
        f"{quote(key.name)} acts on nothing before contract: a row of {other} can go until then, whoever "
        "refers to it from the new side, and a role that may not read that table is refused nothing. Rows "
        "that refer to nothing are named by verify."
    )
