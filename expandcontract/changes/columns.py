"""What kinds that put a new column beside an old one share: from snapshot and judgement to plan."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from expandcontract.changes import (
    beside,
    constraints,
    costs,
    following_views,
    hazards,
    left_rules,
    new_names,
    new_rules,
    outside,
    pair_notes,
    preflight,
)
from expandcontract.changes.compose import compose as composed
from expandcontract.changes.kind import Kind, SpecT
from expandcontract.model.change import Change, Further, FurtherOld, Mode, Pair, Read, Side, Unfit
from expandcontract.model.errors import BadExpression, MissingPrivilege, UnsupportedShape
from expandcontract.model.names import (
    RelationName,
    first_trigger_name,
    hidden_name,
    quote,
    sync_schema,
    trigger_name,
)
from expandcontract.model.notes import Words
from expandcontract.model.phases import State
from expandcontract.model.plan import Plan
from expandcontract.model.site import Site
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Referred, Snapshot
from expandcontract.postgres.clone import Answer, Judgement, Question
from expandcontract.steps import undoing
from expandcontract.steps.carry import TRAITS, UNEVEN, Subject, checks, indexes, views
from expandcontract.steps.pair import part as pair_part
from expandcontract.steps.pair.columns import Columns
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.conversions import Conversion
from expandcontract.steps.sync.subject import Sync, telling

#: What both kinds say of their field.
UPSERT_NEW = (
    "New code may name the new column in ON CONFLICT from ready on; two unique indexes until contract "
    "may fail a simultaneous upsert"
)
#: Kinds of a default with which a value cannot be compared.
_INCOMPARABLE = ("opaque", "volatile")


class PairKind(Kind[SpecT]):
    """A kind that asks for a new side; its spec may say what becomes of values that do not fit."""

    def compile(
        self, change: Change, spec: SpecT, snapshot: Snapshot, judgement: Answer, ledger_schema: str
    ) -> Plan:
        question = self.question(spec, snapshot)
        assert isinstance(question, Question)  # noqa: S101 - what makes it a kind of a pair
        unfit = spec.model_dump(include={"unfit"}).get("unfit", Unfit.REFUSE)
        return compose(change, snapshot, judgement, question, unfit, ledger_schema)

    def refers(self, spec: SpecT, judgement: Answer) -> tuple[Referred, ...]:
        del spec
        return new_rules.referred(judgement.rules) if isinstance(judgement, Judgement) else ()


def old_column(snapshot: Snapshot, name: str) -> Column:
    """Return the column that the change is about, after the checks of its shape. Raises Refused."""
    column = snapshot.column(name)
    if column is None:
        raise AssertionError(f"the snapshot of {snapshot.table} was loaded without {name}")
    preflight.examine(snapshot, column)
    preflight.examine_name(snapshot, hidden_name(name), ours=True)
    return column


def compose(
    change: Change,
    snapshot: Snapshot,
    answer: Answer,
    question: Question,
    unfit: Unfit,
    ledger_schema: str,
) -> Plan:
    """Return the plan of a pair: the columns of the question and their new side."""
    judgement = answer if isinstance(answer, Judgement) else None
    if judgement is None:
        raise AssertionError(f"{change.name} was compiled without a judgement of its new side")
    olds = tuple(old_column(snapshot, name) for name in question.columns)
    column = olds[0]
    left_rules.examine(snapshot, column, question.left, judgement)
    _examine_judgement(olds, judgement, unfit)
    if question.function:
        outside.examine_type(judgement.new_type.bare)
    schema = sync_schema(ledger_schema)
    reads = beside.reads(snapshot, judgement.forwards), beside.reads(snapshot, judgement.backs)
    beside.examine_shown(question, reads[1])
    conversions = _conversions(change.name, schema, olds, judgement, question, reads)
    pair = _pair(snapshot, olds, judgement, question, conversions, unfit, reads)
    trigger = trigger_name(change.name)
    default = new_rules.default_of(question, judgement)
    freed = left_rules.frees(column, question.left)
    tells = new_rules.tells_null(question, default, freed=freed)
    shown = _shown(olds, judgement, question)
    first, *further = (
        Subject(
            snapshot=snapshot,
            column=each,
            pair=pair,
            new=question.new,
            final=pair.new.at(State.HIDDEN),
            hidden=side.at(State.HIDDEN),
            definitions={} if pair.uneven else left_rules.but(judgement.definitions, question.left),
            hidden_definitions=judgement.hidden_definitions,
            default=default,
            final_definitions=judgement.final_definitions,
            unique_at_ready=question.upsert_new,
            recreate_views=question.recreate_views,
            shown=shown,
            names=question.names,
            left=question.left,
        )
        for each, side in zip(olds, pair.olds, strict=True)
    )
    types = {each.column: each.type for each in pair.news}
    rules = new_rules.made(snapshot, question, judgement, types, first.taken, tells_null=tells)
    told = f"{telling(schema, trigger).sql}()" if tells else default
    subject, *others = (replace(each, rules=rules, default=told) for each in (first, *further))
    new_names.examine(subject)
    _examine_upsert(subject)
    following_views.examine(views.following(subject))
    sync = Sync(
        change=change.name,
        pair=pair,
        schema=schema,
        trigger=trigger,
        key=snapshot.primary_key,
        new_default=default,
        ledger=ledger_schema,
        checks=tuple(check for each in (subject, *others) for check in checks.taken(each)),
        first="" if pair.computed_outside else first_trigger_name(change.name),
        watched=bool(watchers.before(snapshot.triggers, (*pair.old_columns, *pair.new_columns))),
        partition_keys=snapshot.relation.partition_keys,
        unique=any(i.unique and not {*pair.old_columns}.isdisjoint(i.columns) for i in snapshot.indexes),
        rules=rules,
    )
    columns = Columns(
        subject,
        sync,
        judgement.new_type.collation if question.type else column.collation,
        tuple(conversions.values()),
        question.function,
        judgement.new_type.bare,
        tuple(each.new_type.collation for each in judgement.more),
        UNEVEN if pair.uneven else TRAITS,
        tuple(others),
    )
    notes = (
        *hazards.of_pair(_but_views(subject), predicates.hidden_names(pair), swap=subject.swap),
        *pair_notes.of(columns, judgement),
        *new_rules.notes(pair, rules, default),
        *(hazards.of_parts(snapshot, olds) if pair.uneven else ()),
    )
    plan = composed(
        change,
        snapshot,
        (replace(pair_part.part(columns), notes=notes),),
        Words(),
        pair_part.sentences(columns),
        claims=(),
        retires=pair.old_columns,
        brings=pair.new_columns,
        uses=tuple(each.column for each in pair.beside),
        # Of a side of several columns a rollback keeps nothing.
        given=predicates.only_new(pair, "t") if pair.more else "false",
        hidden=question.hidden,
        others=_sites(snapshot, pair),
    )
    return replace(
        plan,
        pair=pair,
        catalog=_what_matters(snapshot, olds),
        swap=subject.swap,
        undo=undoing.of(pair, sync.checks),
        costs=tuple(costs.of_pair(snapshot, column)),
    )


def _sites(snapshot: Snapshot, pair: Pair) -> tuple[Site, ...]:
    """Return the other tables to which the old side refers, or the new one will."""
    uses: dict[RelationName, dict[str, None]] = {}
    for each in (*constraints.all_referred(snapshot, pair.old_columns), *new_rules.sites(snapshot)):
        uses.setdefault(each.table, {}).update(dict.fromkeys(each.uses))
    return tuple(Site(table, uses=tuple(columns)) for table, columns in uses.items())


def _shown(olds: Sequence[Column], judgement: Judgement, question: Question) -> tuple[str, ...]:
    """Return what views show in the place of the old columns, where something leads back to each and the new
    side is no column of another type in the place of one.
    """
    parts = bool(question.more or question.old_more)
    same = judgement.new_type.type == olds[0].type and question.back_column in ("", question.new)
    if not question.recreate_views or not (parts or same):
        return ()
    return tuple(
        f"({back.sql})" + ("" if column.collation is None else f" COLLATE {column.collation}")
        for column, back in zip(olds, judgement.backs, strict=False)
    )


def _but_views(subject: Subject) -> Snapshot:
    """Return the snapshot without what follows, and is said for itself."""
    snapshot, said = subject.snapshot, ("view", "materialized view") if subject.recreate_views else ()
    return replace(snapshot, dependents=tuple(d for d in snapshot.dependents if d.kind not in said))


def _pair(  # noqa: PLR0913, PLR0917 - what a pair is made of
    snapshot: Snapshot,
    olds: Sequence[Column],
    judgement: Judgement,
    question: Question,
    conversions: Mapping[str, Conversion],
    unfit: Unfit,
    reads: tuple[tuple[Read, ...], tuple[Read, ...]],
) -> Pair:
    column, *further = olds
    by_suffix = {suffix: conversion.name for suffix, conversion in conversions.items()}
    mirror = all(each.immutable for each in judgement.expressions) and not question.one_way
    return Pair(
        table=snapshot.table,
        old=Side(**_of_the_old(column, question.hidden)),
        new=Side(
            question.new,
            judgement.new_type.type,
            question.new in question.rules.not_null
            or (_all_not_null(olds) if further else _keeps_not_null(column, judgement, question)),
            after="" if question.back_column in ("", question.new) else question.back_column,
        ),
        mode=Mode.MIRROR if mirror else Mode.FILL,
        forward=by_suffix.get("forward"),
        back=by_suffix.get("back"),
        one_way=question.one_way,
        fills_null=judgement.forward is not None and not judgement.forward.null_for_null,
        old_plain_equality=column.plain_equality,
        new_plain_equality=judgement.new_type.plain_equality,
        unfit=unfit,
        more=tuple(
            Further(
                each.new,
                each.new_type.type,
                each.new in question.rules.not_null,
                forward=by_suffix[f"forward_{number}"],
                plain_equality=each.new_type.plain_equality,
            )
            for number, each in enumerate(judgement.more, 2)
        ),
        old_more=tuple(
            FurtherOld(
                **_of_the_old(each, asked.hidden),
                back=by_suffix.get(f"back_{number}"),
                plain_equality=each.plain_equality,
            )
            for number, (each, asked) in enumerate(zip(further, question.old_more, strict=True), 2)
        ),
        reads=reads[0],
        back_reads=reads[1],
    )


def _of_the_old(column: Column, hidden: str) -> dict[str, Any]:
    """Return what a pair says of one of its old columns."""
    return {
        "column": column.name,
        "type": column.type,
        "not_null": column.not_null,
        "default": column.default,
        "volatile_default": column.default_kind in _INCOMPARABLE,
        "after": hidden,
    }


def _keeps_not_null(column: Column, judgement: Judgement, question: Question) -> bool:
    freed = left_rules.frees(column, question.left)
    return column.not_null and not (judgement.more or freed)


def _all_not_null(olds: Sequence[Column]) -> bool:
    """Whether what is made of several columns gets NOT NULL: where all of them have it, of all rows."""
    return all(each.not_null and each.not_null_valid and each.not_null_inherited for each in olds)


def _conversions(
    change: str,
    schema: str,
    olds: Sequence[Column],
    judgement: Judgement,
    question: Question,
    reads: tuple[tuple[Read, ...], tuple[Read, ...]],
) -> dict[str, Conversion]:
    """Return them by what their names end in."""
    of_forward, of_back = (tuple((each.column, each.type) for each in found) for found in reads)
    old = (*((column.name, column.type) for column in olds), *of_forward)
    made = ((question.new, judgement.new_type.type), *((m.new, m.new_type.type) for m in judgement.more))
    news = (*made, *of_back)
    backs = ((back, f"back_{number}", news) for number, back in enumerate(judgement.old_backs, 2))
    further = ((m.forward, f"forward_{number}", old) for number, m in enumerate(judgement.more, 2))
    return {
        suffix: Conversion(
            RelationName(schema, _function_name(change, suffix)),
            arguments,
            expression.type,
            expression.sql,
            expression.immutable,
            expression.total,
            expression.settings,
        )
        for expression, suffix, arguments in (
            (judgement.forward, "forward", old),
            *further,
            (judgement.back, "back", news),
            *backs,
        )
        if expression is not None
    }


def _function_name(change: str, suffix: str) -> str:
    name = f"{change}_{suffix}"
    # One byte is left for the mark of a function that may raise.
    if len(name.encode()) < 63:  # noqa: PLR2004
        return name
    return f"{hashlib.sha256(change.encode()).hexdigest()[:16]}_{suffix}"


def _examine_judgement(olds: Sequence[Column], judgement: Judgement, unfit: Unfit) -> None:
    if judgement.denied:
        missing = "; ".join(f"{role} may not execute {function}" for role, function in judgement.denied)
        raise MissingPrivilege(
            f"Roles that write the table lack privileges: {missing}.",
            why="The sync trigger calls these functions with the rights of whoever writes.",
            next="GRANT EXECUTE ON FUNCTION ... TO ...",
        )
    of_null = any(not back.null_for_null for back in judgement.backs)
    if of_null and not all(column.not_null for column in olds):
        may = "the column may" if len(olds) == 1 else "not all of the columns are NOT NULL: a row may"
        raise BadExpression(
            f"--back makes a value of NULL, and {may} hold NULL.",
            why="A NULL in the new column could then not be told from a row that is not filled yet.",
            next="Write it so that NULL stays NULL: CASE WHEN ... IS NOT NULL THEN ... END",
        )
    for column in olds:
        if unfit != Unfit.RECORD or not column.not_null:
            continue
        raise UnsupportedShape(
            f"--unfit record needs {quote(column.name)} to be nullable.",
            why="A value of the new side that the old one cannot hold would be NULL there, and the write "
            "would fail.",
        )


def _examine_upsert(subject: Subject) -> None:
    if subject.unique_at_ready and not indexes.exact(subject):
        raise UnsupportedShape(
            f"--upsert-new needs two columns that cannot differ where the other is equal: "
            f"{quote(subject.column.name)} {subject.pair.old.type} and {quote(subject.new)} "
            f"{subject.pair.new.type} can.",
            why="A second unique index would refuse values of old code that the table takes.",
            next="Leave it out: the new side's unique index then comes with contract.",
        )


def _what_matters(snapshot: Snapshot, olds: Sequence[Column]) -> dict[str, object]:
    """The part of the catalog that the plan was compiled from, for whoever reviews it."""
    names = {column.name for column in olds}
    return {
        "server_version": snapshot.server_version,
        "column": asdict(olds[0]),
        **({"columns": [asdict(column) for column in olds]} if len(olds) > 1 else {}),
        "indexes": [asdict(index) for index in snapshot.indexes if not names.isdisjoint(index.columns)],
        "constraints": [asdict(each) for each in snapshot.constraints if not names.isdisjoint(each.of_table)],
        "triggers": [trigger.name for trigger in snapshot.triggers],
        "leaves": [leaf.name.sql for leaf in snapshot.relation.leaves],
        "primary_key": list(snapshot.primary_key),
    }
