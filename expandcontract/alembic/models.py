"""What models say that does not go with the chain: columns that a contract hides, hints that are stale."""

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, MetaData, Table

from expandcontract.alembic.chain import Chain, Finding, Reading, Touched
from expandcontract.alembic.hints import HINT
from expandcontract.alembic.revisions import Call, Fault, Operation, Revision
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
    for table in models.metadata.tables.values():
        for column in table.columns:
            hint = column.info.get(HINT)
            if isinstance(hint, str):
                yield from _hint(table, column, hint, settled, models)


def _hint(
    table: Table,
    column: "Column[object]",
    hint: str,
    settled: Mapping[tuple[str, str, str, str], str],
    models: Models,
) -> Iterator[Finding]:
    where = f"{table.fullname}.{column.name}"
    path, line = _place(hint, models)
    said = Revision("", path=path)
    change = settled.get((table.schema or "public", table.name, hint, column.name))
    if hint in table.columns:
        what = f"{where} says that it was renamed from {hint}, which the model still has"
        why = "A rename has one name before and another one after."
        yield Finding(said, Fault(line, what, why, f"take {hint} out of the model, or the hint"))
    elif change is not None:
        what = f"{where} still says that it was renamed from {hint}: {change} is contracted"
        why = "Another column of that name would be taken for it."
        yield Finding(said, Fault(line, what, why, f'take info={{"{HINT}": ...}} out of the model'))


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


def _place(hint: str, models: Models) -> tuple[Path, int]:
    """Return where a hint stands: in one of the modules that were imported, beside the one that was named."""
    folder = models.path.parent
    for path in sorted(folder.rglob("*.py"), key=lambda each: each != models.path):
        text = path.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(text)) if HINT in text else ():
            if isinstance(node, ast.Dict) and any(
                _says(key, HINT) and _says(value, hint)
                for key, value in zip(node.keys, node.values, strict=True)
            ):
                return path, node.lineno
    return models.path, 1


def _says(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
