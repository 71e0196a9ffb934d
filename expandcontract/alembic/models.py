"""What models say that does not go with the chain: columns that a contract hides, hints that are stale."""

import ast
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, Table

from expandcontract.alembic.chain import Chain, Finding, Reading, Touched
from expandcontract.alembic.hints import HINT, RENAMES, Hints
from expandcontract.alembic.revisions import Call, Fault, Operation, Revision
from expandcontract.alembic.script_folder import shown
from expandcontract.model.errors import EcError, UsageError


@dataclass(frozen=True)
class Models:
    """The metadata of an application, and the file that names it."""

    metadata: MetaData
    path: Path


def load(named: str) -> Models:
    """Return the metadata that `module:attribute` names, where the attribute may have dots.

    Raises UsageError.
    """
    module, _, attribute = named.partition(":")
    if not attribute:
        raise UsageError(
            f"{named!r} is not MODULE:METADATA.", next="ec alembic check --models app.models:Base.metadata"
        )
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = importlib.import_module(module)
        path = Path(getattr(found, "__file__", None) or module)
        for each in attribute.split("."):
            found = getattr(found, each)
    except Exception as error:
        raise UsageError(f"{named} cannot be imported: {type(error).__name__}: {error}.") from error
    found = getattr(found, "metadata", found) if not isinstance(found, MetaData) else found
    if not isinstance(found, MetaData):
        raise UsageError(f"{named} is no MetaData.", why=f"It is of type {type(found).__name__}.")
    return Models(found, path)


def findings(revisions: Sequence[Revision], models: Models, reading: Reading) -> Iterator[Finding]:
    """Yield what models have that the chain takes away, and hints that nothing waits for any more."""
    chain = Chain(revisions)
    abouts = dict(_abouts(chain, reading))
    yield from _still_there(chain, abouts, models.metadata)
    yield from _hints(chain, abouts, models)


def _abouts(chain: Chain, reading: Reading) -> Iterator[tuple[str, Touched]]:
    for name, (_, call) in chain.starts.items():
        try:
            about = reading(call)
        except EcError:  # which is a finding of the chain
            continue
        if about is not None:
            yield name, about


def _contracts(chain: Chain) -> Iterator[tuple[Revision, Call]]:
    return ((each, call) for each, call in chain.calls if call.operation == Operation.CONTRACT)


def _still_there(chain: Chain, abouts: Mapping[str, Touched], metadata: MetaData) -> Iterator[Finding]:
    for revision, call in _contracts(chain):
        about = abouts.get(call.change)
        table = None if about is None else _table(metadata, about)
        if about is None or table is None:
            continue
        others = [each for name, each in abouts.items() if name != call.change]
        made = {column for each in others if each.same_table(about) for column in each.new}
        left = sorted(about.going.intersection(table.columns.keys()) - made)
        named = [f"{table.fullname}.{column}" for column in left] or [table.fullname] * about.table_goes
        if named:
            what = f"ec_contract {call.change} hides {', '.join(named)}, which the models still have"
            why = "This very code would fail from the contract on."
            do = "take it out of the models, or leave the contract to a later release"
            yield Finding(revision, Fault(call.line, what, why, do))


def _hints(chain: Chain, abouts: Mapping[str, Touched], models: Models) -> Iterator[Finding]:
    settled = {
        (about.schema or "public", about.table, old, new): call.change
        for revision, call in _contracts(chain)
        if (about := abouts.get(call.change)) is not None and _gone_on(chain, revision)
        for old in about.going
        for new in about.new
    }
    hints = Hints([models.metadata], None)
    for key, table in hints.models.items():
        seen = set[str]()
        for column in table.columns:
            old = hints.of(key, column)
            if old is None:
                continue
            hint = _Hint(table, str(column.name), old, again=old in seen)
            seen.add(old)
            wrong = _hint(hint, settled)
            if wrong is not None:
                path, line = _place(hint, models)
                yield Finding(Revision("", path=shown(path)), Fault(line, *wrong))


@dataclass(frozen=True)
class _Hint:
    """What a column of a model says that it was called; `again`: another one of the table says so too."""

    table: Table
    column: str
    old: str
    again: bool


def _hint(hint: _Hint, settled: Mapping[tuple[str, str, str, str], str]) -> tuple[str, str, str] | None:
    """Return what is wrong with a hint, why that matters, and what to do; None where nothing is."""
    table, old = hint.table, hint.old
    where = f"{table.fullname}.{hint.column}"
    change = settled.get((table.schema or "public", table.name, old, hint.column))
    if hint.again:
        return (
            f"{where} says that it was renamed from {old}, as another column of the table does",
            "One column becomes one; split-column makes several of one.",
            "leave one of the two hints out",
        )
    if old in table.columns:
        return (
            f"{where} says that it was renamed from {old}, which the model still has",
            "A rename has one name before and another one after.",
            f"take {old} out of the model, or the hint",
        )
    if change is not None:
        return (
            f"{where} still says that it was renamed from {old}: {change} is contracted",
            "Another column of that name would be taken for it.",
            f'take "{old}" out of info, or of {RENAMES}',
        )
    return None


def _gone_on(chain: Chain, contract: Revision) -> bool:
    """Whether anything but contracts stands above a contract: until then its release may still be coming."""
    only = {each.id for each, _ in _contracts(chain)}
    above = (each for each in chain.ordered if each.id not in only)
    return any(chain.is_below(contract, each) for each in above)


def _table(metadata: MetaData, about: Touched) -> Table | None:
    return next(
        (
            each
            for each in metadata.tables.values()
            if about.same_table(Touched(each.schema or metadata.schema, each.name))
        ),
        None,
    )


def _place(hint: _Hint, models: Models) -> tuple[Path, int]:
    """Return where a hint stands: in the module that was named, or one beside or below it."""
    for path in (models.path, *_beside(models.path.parent)):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if HINT not in text and RENAMES not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict) and any(
                (_says(key, HINT) or _says(key, hint.column)) and _says(value, hint.old)
                for key, value in zip(node.keys, node.values, strict=True)
            ):
                return path, node.lineno
    return models.path, 1


def _beside(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".") and each != "site-packages"]
        yield from (Path(where) / each for each in files if each.endswith(".py"))


def _says(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
