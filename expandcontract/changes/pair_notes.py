"""What the plan of a pair of columns says of its expressions, and of what does not go along."""

from dataclasses import replace

from expandcontract.model.change import Mode, Pair, Unfit
from expandcontract.model.names import quote
from expandcontract.model.notes import Note
from expandcontract.postgres.clone import Judgement
from expandcontract.steps.carry import Subject
from expandcontract.steps.pair.columns import Columns


def of(columns: Columns, judgement: Judgement) -> tuple[Note, ...]:  # noqa: C901 - one after the other
    """Return what the plan says of a pair beyond its table and its old columns."""
    subject = columns.subject
    notes = [*columns.carried.notes, *_pathless(judgement)]
    outside = subject.pair.computed_outside
    replaced = subject.rules.default_replaced
    if judgement.default is None and not replaced and (outside or not subject.pair.old.volatile_default):
        notes += [_default_dropped(each) for each in columns.subjects if each.column.default is not None]
    if subject.pair.gives_null:
        notes.append(_not_null_stays(subject.pair) if subject.pair.uneven else _not_null_left(subject))
    if subject.pair.one_way:
        notes += [
            _must_be_given(each)
            for each in columns.subjects
            if each.column.not_null and each.column.default is None
        ]
    notes += [_swallowed(subject.pair, name) for name in judgement.swallows]
    if subject.column.default_kind == "opaque":
        notes.append(_opaque(subject))
    if subject.pair.beside:
        notes.append(_beside(subject))
    if outside:
        notes += _outside(subject)
    elif subject.pair.mode == Mode.FILL:
        notes.append(Note("fill", _fill_reason(subject.pair, judgement)))
    if subject.pair.fills_null and subject.new not in subject.rules.not_null:
        makes = (
            "may make a value of NULL, by what else it reads"
            if subject.pair.reads
            else "makes a value of NULL"
        )
        notes.append(Note("fills-null", f"--using {makes}: a NULL that new code writes becomes that value."))
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
    if subject.pair.old_more or subject.pair.reads:
        old, new = quote(subject.column.name), quote(subject.final)
        sentence = f"The default of {old}, {subject.column.default}, is none of {new}, which gets none."
    if not subject.pair.new.not_null:
        return Note("default-dropped", sentence)
    more = f"New code that gives no {quote(subject.final)} is refused: it is NOT NULL."
    about = subject.column.name if subject.pair.old_more else ""
    return Note.hazard("default-dropped", f"{sentence} {more}", about=about)


def _not_null_stays(pair: Pair) -> Note:
    old = ", ".join(quote(each.column) for each in pair.olds if each.not_null)
    names = ", ".join(map(quote, pair.new_columns))
    none, are = ("none of ", "is") if pair.more else ("", "is not")
    return Note(
        "not-null-stays",
        f"{old} is NOT NULL, and {none}{names} {are}: from contract on a row may come without a value, and "
        f"undo, which finds none for {old} then, names such rows before it does anything. Let new code give "
        "one, and ask for NOT NULL with set-not-null after purge.",
    )


def _not_null_left(subject: Subject) -> Note:
    note = subject.left_behind(f"NOT NULL of {quote(subject.column.name)}")
    told = (
        f" An INSERT of new code that leaves {quote(subject.new)} out, in place of giving NULL, is taken for "
        "one of old code until contract, and refused."
    )
    return replace(note, sentence=note.sentence + told)


def _must_be_given(subject: Subject) -> Note:
    old, new = quote(subject.column.name), quote(subject.new)
    return Note.hazard(
        "old-must-be-given",
        f"{old} is NOT NULL without a default, and nothing leads back: until contract an INSERT of new code "
        f"that gives {new} alone fails. Let new code give both until then, or let {old} be NULL first: "
        f"ec start drop-not-null {subject.table}.{old}",
        about=subject.column.name,
    )


def _swallowed(pair: Pair, name: str) -> Note:
    new = quote(pair.new.column)
    refused = "is kept in the ledger, and keeps contract shut" if pair.unfit == Unfit.RECORD else "is refused"
    return Note.hazard(
        "null-swallows",
        f"--into makes NULL of a row whose {quote(name)} alone is NULL: what its other columns hold would "
        f"not be in {new}. From dual_write on a write of old code that leaves such a row {refused}, and "
        f"rows that are there keep contract shut. COALESCE({quote(name)}, ...) keeps them.",
        about=name,
    )


def _beside(subject: Subject) -> Note:
    pair = subject.pair
    read = ", ".join(quote(each.column) for each in pair.beside)
    new = " and ".join(map(quote, pair.new_columns))
    stays = "." if pair.mode == Mode.FILL else ", and PostgreSQL refuses to change its type."
    return Note(
        "reads",
        f"The expressions read {read}. A write of that alone makes {new} anew where it was what they make of "
        f"the old side; what new code wrote stays. No other change may claim {read} until this one is "
        f"over{stays}",
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
