"""What revisions say of changes: the operations `op.ec_*` in their files, read without running them. Pure.

Everything that has to be known before the first revision of a run is carried out is read here: which change
a revision starts or contracts, and whether the file is one that can be gone on with when it was killed.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Operation(StrEnum):
    """An operation of ours, named as it stands in a revision."""

    START = "ec_start"
    CONTRACT = "ec_contract"
    ROLLBACK = "ec_rollback"
    UNDO = "ec_undo"
    RUN = "ec_run"
    WAIT = "ec_wait"


#: Those whose first word is a kind; the first word of the others is the change's name.
OF_A_KIND = frozenset({Operation.START, Operation.RUN})


_UNREAD = "What a run does is known from the files before the first of its revisions is carried out."


#: Options of those that are not fields of the kind.
OPTIONS = frozenset({"name", "inline", "acknowledge"})


class NotLiteral(Exception):
    """An argument that only running the file would tell."""


@dataclass(frozen=True)
class Call:
    """An operation as a file has it. `line` is where."""

    operation: Operation
    words: tuple[Any, ...]
    options: Mapping[str, Any]
    line: int

    @property
    def change(self) -> str:
        """The name of the change; empty where the file gives none."""
        if self.operation in OF_A_KIND:
            return str(self.options.get("name", ""))
        return str(self.words[0] if self.words else self.options.get("name", ""))

    def keyed(self, key: Callable[[str], str]) -> "Call":
        """Return the same of the change as the ledger calls it."""
        if self.operation in OF_A_KIND or not self.words:
            return replace(self, options={**self.options, "name": key(self.change)})
        return replace(self, words=(key(self.change), *self.words[1:]))


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, on which line, why that matters, and what to do."""

    line: int
    what: str
    why: str = ""
    do: str = ""

    @property
    def text(self) -> str:
        """What is wrong and what to do."""
        return f"{self.what}: {self.do}" if self.do else self.what


@dataclass(frozen=True)
class Steps:
    """What a revision does in one direction: `ours`, and on which lines something else. `line` is where that
    begins, 0 where the file has no such function; `refuses` says that it raises.
    """

    ours: tuple[Call, ...] = ()
    others: tuple[int, ...] = ()
    faults: tuple[Fault, ...] = ()
    line: int = 0
    refuses: bool = False


@dataclass(frozen=True)
class Revision:
    """A revision: its identifier, those right below it, and what it does up and down."""

    id: str
    below: tuple[str, ...] = ()
    up: Steps = field(default_factory=Steps)
    down: Steps = field(default_factory=Steps)
    path: Path | None = None

    @property
    def speaks(self) -> bool:
        """Whether it has an operation of ours, in either direction, or what may be one."""
        return any(steps.ours or steps.faults for steps in (self.up, self.down))

    @property
    def faults(self) -> Iterator[Fault]:
        """What is wrong with it."""
        for steps in (self.up, self.down):
            yield from steps.faults
            if steps.ours and steps.others:
                yield Fault(
                    steps.others[0],
                    "stands beside an operation of ec, which commits",
                    "What ran before it would be committed without its version row, and run again.",
                    "move it to a revision of its own",
                )
            if len(steps.ours) > 1:
                yield Fault(
                    steps.ours[1].line,
                    "is a second operation of ec",
                    "Between the two nothing says that the first one is done.",
                    "give each a revision of its own",
                )


def read(source: str, *, id: str = "", below: Sequence[str] = (), path: Path | None = None) -> Revision:  # noqa: A002
    """Return what a revision's file says; of one that has no operation of ours, nothing but its place.

    Raises SyntaxError where it is no Python.
    """
    if not any(each in source for each in Operation):
        return Revision(id, tuple(below), path=path)  # nearly all of a long chain: no need to parse it
    module = ast.parse(source)
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    return Revision(
        id, tuple(below), _steps(functions.get("upgrade")), _steps(functions.get("downgrade")), path
    )


def does_nothing(source: str) -> bool:
    """Return whether the upgrade of a revision's file has no statement.

    Raises SyntaxError where it is no Python.
    """
    functions = (each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef))
    upgrade = next((each for each in functions if each.name == "upgrade"), None)
    return upgrade is not None and all(map(_does_nothing, upgrade.body))


def _steps(function: ast.FunctionDef | None) -> Steps:
    ours, others, faults = list[Call](), list[int](), list[Fault]()
    for statement in [] if function is None else function.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        operation = _operation(call)
        if operation is None or not isinstance(call, ast.Call):
            others += [] if _does_nothing(statement) else [statement.lineno]
            faults += [
                Fault(
                    node.lineno,
                    f"calls {name} where reading the file does not show whether it runs",
                    _UNREAD,
                    "let it stand by itself in upgrade() or downgrade()",
                )
                for node in ast.walk(statement)
                if isinstance(node, ast.Call) and (name := _operation(node))
            ]
            continue
        try:
            ours.append(_call(operation, call))
        except NotLiteral:
            what = f"gives {operation} something that is no literal"
            faults.append(Fault(call.lineno, what, _UNREAD, "write it out"))
    if function is None:
        return Steps()
    refuses = any(isinstance(each, ast.Raise) for each in function.body)
    return Steps(tuple(ours), tuple(others), tuple(faults), function.lineno, refuses)


def _operation(node: ast.AST | None) -> Operation | None:
    """Return which operation a node calls, on whatever is called `op` there."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    name = node.func.attr
    return Operation(name) if name in set(Operation) else None


def _call(operation: Operation, node: ast.Call) -> Call:
    if any(isinstance(each, ast.Starred) for each in node.args) or any(
        each.arg is None for each in node.keywords
    ):
        raise NotLiteral
    words = tuple(map(_literal, node.args))
    options = {str(each.arg): _literal(each.value) for each in node.keywords}
    return Call(operation, words, options, node.lineno)


def _literal(node: ast.expr) -> Any:  # noqa: ANN401 - whatever the file has
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise NotLiteral from None


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
