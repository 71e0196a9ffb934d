"""What env.py needs so that revisions may hold operations of ours, as edits of its text.

The text is cut where the syntax tree says that something begins or ends, and nothing else of it is touched:
comments and formatting stay. Pure.
"""

import ast
import difflib
import io
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MODULE = "expandcontract.alembic"
ALIAS = "ec"
#: Arguments of `context.configure` that `options` takes in its place, as it asks its own ones first.
HOOKS = ("include_name", "include_object", "process_revision_directives")
#: A line that becomes longer than this is broken.
WIDTH = 88

BY_HAND = f"""import {MODULE} as {ALIAS}

In each call of context.configure(...), as its last argument:
    **{ALIAS}.options(connection)    where it is given a connection
    **{ALIAS}.options()              where it is given a url
Hooks ({", ".join(HOOKS)}) go into {ALIAS}.options(...).
The connection comes from engine.connect(), not engine.begin()."""


class NotKnown(Exception):
    """The file has none of the forms that are known; the text says what was met."""


@dataclass(frozen=True)
class Edit:
    """What stands in the place of a piece of the text, by characters from its beginning."""

    begin: int
    end: int
    text: str


def edited(source: str) -> str:
    """Return env.py with what is needed; the very text where it has that already.

    Raises NotKnown where a person has to do it, and SyntaxError.
    """
    file = _File(source)
    edits = sorted(_edits(file), key=lambda each: each.begin, reverse=True)
    text = source
    for each in edits:
        text = text[: each.begin] + each.text + text[each.end :]
    ast.parse(text)
    return text


def difference(before: str, after: str, name: str) -> str:
    """Return what differs, as a unified diff."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (with ec)"
    )
    return "".join(each if each.endswith("\n") else f"{each}\n" for each in lines)


def _edits(file: "_File") -> Iterator[Edit]:
    configures = file.configures()
    online = [each for each in configures if file.connection(each) is not None]
    if not configures:
        raise NotKnown("There is no call of context.configure().")
    if any(_keyword(each, "upgrade_token") for each in configures):
        raise NotKnown("Its revisions are for several databases, of which ec changes one at a time.")
    if not online:
        raise NotKnown("No call of context.configure() is given a connection.")
    alias = file.alias()
    missing = [each for each in configures if not file.has_options(each, alias)]
    for call in missing:
        yield from file.with_options(call, alias or ALIAS)
    if alias is None:
        if file.binds(ALIAS):
            raise NotKnown(f"{ALIAS} is the name of something else.")
        yield file.importing()
    yield from dict.fromkeys(edit for call in online for edit in file.connecting(call))


class _File:
    """A text with its syntax tree."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    # -- places

    def begin(self, node: ast.AST) -> int:
        return self._at(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self._at(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _at(self, line: int, bytes_: int) -> int:
        """Return the place of what the tree counts in bytes of UTF-8."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:bytes_].decode())

    def text(self, node: ast.AST) -> str:
        return self.source[self.begin(node) : self.end(node)]

    def line_of(self, place: int) -> str:
        """Return the line in which a place is, without its end."""
        start = self.source.rfind("\n", 0, place) + 1
        stop = self.source.find("\n", place)
        return self.source[start : len(self.source) if stop < 0 else stop].rstrip("\r")

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.source else "\n"

    # -- what is there

    def configures(self) -> list[ast.Call]:
        """Return the calls of Alembic's context.configure."""
        names = {
            each.asname or each.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module == "alembic"
            for each in node.names
            if each.name == "context"
        }
        return [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "configure"
            and (
                (isinstance(node.func.value, ast.Name) and node.func.value.id in names)
                or ast.unparse(node.func.value) == "alembic.context"
            )
        ]

    def connection(self, call: ast.Call) -> ast.expr | None:
        """Return what a call is given as its connection."""
        return call.args[0] if call.args else _keyword(call, "connection")

    def alias(self) -> str | None:
        """Return what our module is called here; None where it is not imported under a name."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                for each in node.names:
                    if each.name == MODULE:
                        return each.asname or MODULE
            if isinstance(node, ast.ImportFrom) and node.module == MODULE.partition(".")[0]:
                for each in node.names:
                    if each.name == MODULE.partition(".")[2]:
                        return each.asname or each.name
        return None

    def binds(self, name: str) -> bool:
        """Whether something of that name is there."""
        return any(
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.alias) and (node.asname or node.name) == name)
            or (isinstance(node, ast.FunctionDef) and node.name == name)
            for node in ast.walk(self.tree)
        )

    def has_options(self, call: ast.Call, alias: str | None) -> bool:
        return any(
            each.arg is None
            and isinstance(each.value, ast.Call)
            and ast.unparse(each.value.func) == f"{alias}.options"
            for each in call.keywords
        )

    # -- what is missing

    def importing(self) -> Edit:
        """Return the import, below the others."""
        imports = [node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        if not imports:
            raise NotKnown("Nothing is imported at the top.")
        place = self.end(imports[-1])
        rest = self.source.find("\n", place)
        place = len(self.source) if rest < 0 else rest + 1
        return Edit(place, place, f"{self.newline}import {MODULE} as {ALIAS}{self.newline}")

    def with_options(self, call: ast.Call, alias: str) -> Iterator[Edit]:
        """Return what makes a call one with our options, into which its hooks go."""
        if any(each.arg is None for each in call.keywords):
            raise NotKnown("context.configure() is given **arguments, which may hold hooks.")
        hooks = [each for each in call.keywords if each.arg in HOOKS]
        connection = self.connection(call)
        given = [*([self.text(connection)] if connection else []), *(self.text(each) for each in hooks)]
        options = f"**{alias}.options({', '.join(given)})"
        arguments: list[ast.AST] = sorted((*call.args, *call.keywords), key=self.begin)
        if len(hooks) == len(arguments):
            raise NotKnown("context.configure() is given nothing but hooks.")
        for each in hooks:
            yield self._without(each, arguments)
        yield from self._behind(call, arguments, options)

    def _without(self, node: ast.AST, arguments: Sequence[ast.AST]) -> Edit:
        """Return what takes out an argument: its line where it has one of its own (of which a comment stays),
        else with the comma and the space between it and its neighbour.
        """
        place = arguments.index(node)
        start = self.source.rfind("\n", 0, self.begin(node)) + 1
        stop = self.source.find("\n", self.end(node)) + 1
        behind = self.source[self.end(node) : stop].strip()
        if not self.source[start : self.begin(node)].strip() and behind.startswith(","):
            comment = behind[1:].strip()
            if not comment:
                return Edit(start, stop, "")
            if comment.startswith("#"):
                return Edit(self.begin(node), self.source.index("#", self.end(node)), "")
        if place == 0:
            return Edit(self.begin(node), self.begin(arguments[1]), "")
        if "#" in self.source[self.end(arguments[place - 1]) : self.begin(node)]:
            raise NotKnown("A comment stands among the hooks of context.configure().")
        return Edit(self.end(arguments[place - 1]), self.end(node), "")

    def _behind(self, call: ast.Call, arguments: Sequence[ast.AST], options: str) -> Iterator[Edit]:
        """Yield what puts the options behind the last argument: on a line of its own where the others have
        one, or where the line would become too long.
        """
        end = self.end(arguments[-1])
        comma = self._comma(end, self.end(call) - 1)
        indent = self._indent(self.begin(arguments[-1]))
        if "\n" not in self.source[self.end(call.func) : self.begin(arguments[0])]:
            if "\n" in self.text(call) or len(f"{self.line_of(end)}, {options}") <= WIDTH:
                yield Edit(comma or end, comma or end, f" {options}" if comma else f", {options}")
                return
            yield Edit(self.end(call.func) + 1, self.begin(arguments[0]), f"{self.newline}{indent}    ")
            tail = f",{self.newline}{indent}    {options},{self.newline}{indent}"
            yield Edit(end, self.end(call) - 1, tail)
        elif comma is not None:
            after = self.source.find("\n", comma, self.end(call)) + 1
            if after:
                yield Edit(after, after, f"{indent}{options},{self.newline}")
            else:
                yield Edit(comma, comma, f" {options}")
        elif len(f"{self.line_of(end)}, {options}") <= WIDTH:
            yield Edit(end, end, f", {options}")
        else:
            yield Edit(end, end, f",{self.newline}{indent}{options},")

    def _indent(self, place: int) -> str:
        line = self.line_of(place)
        return line[: len(line) - len(line.lstrip())]

    def _comma(self, begin: int, end: int) -> int | None:
        """Return the place behind a comma that ends the arguments."""
        piece = self.source[begin:end]
        reader = io.StringIO(f"({piece})").readline
        for token in tokenize.generate_tokens(reader):
            if token.type == tokenize.OP and token.string == ",":
                lines = f"({piece})".splitlines(keepends=True)
                return begin + sum(map(len, lines[: token.end[0] - 1])) + token.end[1] - 1
        return None

    def connecting(self, online: ast.Call) -> Iterator[Edit]:
        """Return what lets Alembic own the transaction, where its connection comes from begin()."""
        runs = self._enclosing(online)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    if self._begins(item) and self._uses(node.body, online, runs):
                        called = item.context_expr
                        assert isinstance(called, ast.Call)  # noqa: S101 - as _begins says
                        yield self._renamed(called)

    def _begins(self, item: ast.withitem) -> bool:
        call = item.context_expr
        return (
            item.optional_vars is not None
            and isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "begin"
        )

    def _enclosing(self, call: ast.Call) -> str:
        """Return the function in which a call stands; empty outside of any."""
        functions = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and any(each is call for each in ast.walk(node))
        ]
        return max(functions, key=self.begin).name if functions else ""

    def _uses(self, body: Iterable[ast.stmt], online: ast.Call, runs: str) -> bool:
        """Whether a block configures, or hands the connection to the function that does."""
        inside = [node for statement in body for node in ast.walk(statement)]
        return any(node is online or (isinstance(node, ast.Name) and node.id == runs) for node in inside)

    def _renamed(self, call: ast.Call) -> Edit:
        assert isinstance(call.func, ast.Attribute)  # noqa: S101 - as _begins says
        end = self.end(call.func)
        return Edit(end - len("begin"), end, "connect")


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)
