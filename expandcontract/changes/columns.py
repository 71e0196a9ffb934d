"""What kinds that put a new column beside an old one share: from snapshot and judgement to plan."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

from expandcontract.changes import preflight
from expandcontract.changes.kind import Kind, SpecT
from expandcontract.model.change import Change, Further, Mode, Pair, Side, Unfit
from expandcontract.model.errors import BadExpression, MissingPrivilege, UnsupportedShape
from expandcontract.model.names import RelationName, quote, shorten, sync_schema
from expandcontract.model.notes import Note
from expandcontract.model.plan import Plan
from expandcontract.postgres import watchers
from expandcontract.postgres.catalog.column import Column
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Judgement, Question
from expandcontract.steps import column as steps
from expandcontract.steps.carry import SPLIT, TRAITS, Subject, checks, indexes, triggers
from expandcontract.steps.column import Columns
from expandcontract.steps.sync import predicates
from expandcontract.steps.sync.conversions import Conversion
from expandcontract.steps.sync.triggers import Sync

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


def hidden_name(column: str) -> str:
    """The old side's name after contract: out of sight, and sorted to the end."""
    return shorten(f"~ec_{column}")


def first_name(change: str) -> str:
    """The name of the trigger that comes before those of the user: `!` sorts before whatever needs no quotes,
    and before most of what does.
    """
    return shorten(f"!ec_{change}")


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
    """Return the plan of a pair: `question.column` and its new side."""
    judgement = answer if isinstance(answer, Judgement) else None
    if judgement is None:
        raise AssertionError(f"{change.name} was compiled without a judgement of its new side")
    column = old_column(snapshot, question.column)
    _examine_judgement(column, judgement, unfit)
    if question.function:
        _examine_result(judgement)
    schema = sync_schema(ledger_schema)
    conversions = _conversions(change.name, schema, column, judgement, question)
    pair = _pair(snapshot, column, judgement, question, conversions, unfit)
    trigger = shorten(f"~ec_{change.name}")
    final = question.back_column or question.new
    subject = Subject(
        snapshot=snapshot,
        column=column,
        pair=pair,
        new=question.new,
        final=final,
        hidden=question.hidden,
        definitions=judgement.definitions,
        hidden_definitions=judgement.hidden_definitions,
        default=judgement.default,
        final_definitions=judgement.final_definitions,
        unique_at_ready=question.upsert_new,
    )
    _examine_upsert(subject)
    sync = Sync(
        change=change.name,
        pair=pair,
        schema=schema,
        trigger=trigger,
        key=snapshot.primary_key,
        hidden=question.hidden,
        final=final,
        new_default=judgement.default,
        ledger=ledger_schema,
        checks=checks.taken(subject),
        first="" if pair.computed_outside else first_name(change.name),
        watched=bool(watchers.before(snapshot.triggers, (column.name, question.new))),
        partition_keys=snapshot.relation.partition_keys,
        unique=any(index.unique and column.name in index.columns for index in snapshot.indexes),
    )
    columns = Columns(
        subject,
        sync,
        judgement.new_type.collation if question.type else column.collation,
        tuple(conversions.values()),
        question.function,
        judgement.new_type.bare,
        tuple(each.new_type.collation for each in judgement.more),
        SPLIT if judgement.more else TRAITS,
    )
    return Plan(
        change=change,
        table=snapshot.table,
        pair=pair,
        sections=steps.sections(columns),
        old_columns=(column.name,),
        new_columns=pair.new_columns,
        hidden_column=question.hidden,
        trigger=trigger,
        first_trigger=sync.first,
        functions=steps.functions(columns),
        hidden_functions=steps.hidden_functions(columns),
        catalog=_what_matters(snapshot, column),
        swap=subject.swap,
        enforces=tuple(sentence for trait in columns.traits for sentence in trait.enforces(subject)),
        remade=tuple(triggers.named(subject, each) for each in triggers.remade(subject)),
        not_held=predicates.not_held(pair, "t", hidden=question.hidden, final=final),
        barred=predicates.barred(pair, sync.checks, "t", hidden=question.hidden),
        costs=tuple(preflight.costs(snapshot, column)),
        hazards=(
            *preflight.hazards(snapshot, column, hidden=question.hidden, swap=subject.swap),
            *_notes(subject, judgement),
            *(preflight.hazards_of_splitting(snapshot, column) if judgement.more else ()),
        ),
        server_version=snapshot.server_version,
    )


def _pair(
    snapshot: Snapshot,
    column: Column,
    judgement: Judgement,
    question: Question,
    conversions: Mapping[str, Conversion],
    unfit: Unfit,
) -> Pair:
    by_suffix = {suffix: conversion.name for suffix, conversion in conversions.items()}
    mirror = all(each.immutable for each in judgement.expressions) and not question.one_way
    return Pair(
        table=snapshot.table,
        old=Side(
            column.name, column.type, column.not_null, column.default, column.default_kind in _INCOMPARABLE
        ),
        new=Side(question.new, judgement.new_type.type, column.not_null and not judgement.more),
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
                forward=by_suffix[f"forward_{number}"],
                plain_equality=each.new_type.plain_equality,
            )
            for number, each in enumerate(judgement.more, 2)
        ),
    )


def _conversions(
    change: str, schema: str, column: Column, judgement: Judgement, question: Question
) -> dict[str, Conversion]:
    """Return them by what their names end in."""
    old = ((column.name, column.type),)
    news = ((question.new, judgement.new_type.type), *((m.new, m.new_type.type) for m in judgement.more))
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
        )
        if expression is not None
    }


def _function_name(change: str, suffix: str) -> str:
    name = f"{change}_{suffix}"
    # One byte is left for the mark of a function that may raise.
    if len(name.encode()) < 63:  # noqa: PLR2004
        return name
    return f"{hashlib.sha256(change.encode()).hexdigest()[:16]}_{suffix}"


def _examine_judgement(column: Column, judgement: Judgement, unfit: Unfit) -> None:
    if judgement.denied:
        missing = "; ".join(f"{role} may not execute {function}" for role, function in judgement.denied)
        raise MissingPrivilege(
            f"Roles that write the table lack privileges: {missing}.",
            why="The sync trigger calls these functions with the rights of whoever writes.",
            next="GRANT EXECUTE ON FUNCTION ... TO ...",
        )
    if judgement.back is not None and not judgement.back.null_for_null and not column.not_null:
        raise BadExpression(
            "--back makes a value of NULL, and the column may hold NULL.",
            why="A NULL in the new column could then not be told from a row that is not filled yet.",
            next="Write it so that NULL stays NULL: CASE WHEN ... IS NOT NULL THEN ... END",
        )
    if unfit == Unfit.RECORD and column.not_null:
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


def _examine_result(judgement: Judgement) -> None:
    if judgement.new_type.bare.endswith("[]"):
        raise UnsupportedShape(
            f"--transform cannot make values of {judgement.new_type.type}.",
            why="Values travel to the server as arrays, and an array of arrays is another thing there. "
            "Use jsonb, or a table of its own.",
        )


def _notes(subject: Subject, judgement: Judgement) -> tuple[Note, ...]:
    notes = [note for trait in (SPLIT if judgement.more else TRAITS) for note in trait.notes(subject)]
    notes += _pathless(judgement)
    outside = subject.pair.computed_outside
    if (
        judgement.default is None
        and subject.column.default is not None
        and (outside or not subject.pair.old.volatile_default)
    ):
        notes.append(_default_dropped(subject))
    if subject.column.not_null and judgement.more:
        notes.append(_not_null_stays(subject))
    if subject.column.default_kind == "opaque":
        notes.append(_opaque(subject))
    if outside:
        notes += _outside(subject)
    elif subject.pair.mode == Mode.FILL:
        notes.append(Note("fill", _fill_reason(subject.pair, judgement)))
    if subject.pair.fills_null:
        notes.append(
            Note(
                "fills-null", "--using makes a value of NULL: a NULL that new code writes becomes that value."
            )
        )
    if subject.pair.unfit == Unfit.ACCEPT:
        notes.append(
            Note(
                "lossy",
                "Values that the expressions do not give back are taken as they are; purge loses the rest.",
            )
        )
    if subject.pair.one_way:
        notes.append(
            Note(
                "one-way",
                "Nothing leads back: what new code writes is not seen by old code, and undo shows old "
                "values.",
            )
        )
    return tuple(notes)


def _default_dropped(subject: Subject) -> Note:
    sentence = f"The default {subject.column.default} does not fit the new side, which gets none."
    if not subject.pair.new.not_null:
        return Note("default-dropped", sentence)
    more = f"New code that gives no {quote(subject.final)} is refused: it is NOT NULL."
    return Note.hazard("default-dropped", f"{sentence} {more}")


def _not_null_stays(subject: Subject) -> Note:
    parts = (subject.pair.new.column, *(each.column for each in subject.pair.more))
    old, names = quote(subject.column.name), ", ".join(map(quote, parts))
    return Note(
        "not-null-stays",
        f"{old} is NOT NULL, and none of {names} is: from contract on a row may come without a value, and "
        f"undo finds none for {old} then. Let new code give one, and ask for NOT NULL with set-not-null "
        "after purge.",
    )


def _opaque(subject: Subject) -> Note:
    old, new = quote(subject.column.name), quote(subject.new)
    return Note.hazard(
        "default-stays",
        f"The default {subject.column.default} calls a function of yours or needs a setting, and stays on "
        f"{old} until contract: an INSERT that gives {new} alone evaluates it as well, and a NULL that is "
        f"inserted into {new} counts as left out.",
    )


def _outside(subject: Subject) -> tuple[Note, ...]:
    old, new = quote(subject.column.name), quote(subject.new)
    return (
        Note(
            "fill",
            "Mode fill: a Python function makes the new value, and the database does not know it. Verify "
            "proves that every row is filled, not that both sides agree. NULL stays NULL.",
        ),
        Note(
            "unfilled",
            f"A write that gives {old} and not {new} leaves {new} NULL until ec backfill runs again: new "
            "code must be able to read such a row, and verify finds it. A NULL that is written to "
            f"{new} alone is filled again; to empty a row, empty {old} as well.",
        ),
        Note(
            "refused-at-contract",
            f"From the moment at which contract begins, a write that leaves {new} NULL beside a value of "
            f"{old} is refused. What is unfilled then keeps the old side from being hidden.",
        ),
    )


def _fill_reason(pair: Pair, judgement: Judgement) -> str:
    reason = (
        "the change is one-way" if pair.one_way else "PostgreSQL does not take the expressions for immutable"
    )
    doubtful = {name for each in judgement.expressions for name in each.doubtful}
    if doubtful and not pair.one_way:
        reason = (
            f"functions in the expressions name {', '.join(sorted(doubtful))}, and what that yields depends "
            "on more than the row, whatever their labels say"
        )
    expression = "" if judgement.forward is None else f" ({judgement.forward.sql})"
    return (
        f"Mode fill: {reason}{expression}. Verify proves that every row is filled, not that both sides agree."
    )


def _pathless(judgement: Judgement) -> tuple[Note, ...]:
    found = {
        function: dict(each.settings)["search_path"]
        for each in judgement.expressions
        for function in each.pathless
    }
    return tuple(
        Note(
            "search-path",
            f"The text of {function} is looked up along a search_path, and it has none of its own: here it "
            f"is always {path}, as of the role that made the plan, whoever writes.",
        )
        for function, path in found.items()
    )


def _what_matters(snapshot: Snapshot, column: Column) -> dict[str, object]:
    """The part of the catalog that the plan was compiled from, for whoever reviews it."""
    return {
        "server_version": snapshot.server_version,
        "column": asdict(column),
        "indexes": [asdict(index) for index in snapshot.indexes if column.name in index.columns],
        "constraints": [asdict(each) for each in snapshot.constraints if column.name in each.columns],
        "triggers": [trigger.name for trigger in snapshot.triggers],
        "leaves": [leaf.name.sql for leaf in snapshot.relation.leaves],
        "primary_key": list(snapshot.primary_key),
    }
