"""Columns that a hint of the model tells to be others under a new name, and what goes along with them."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from alembic.operations import ops
from sqlalchemy import types

from expandcontract.alembic import spelling
from expandcontract.alembic.hints import HINT, Hints, Key, refused
from expandcontract.alembic.wanted import Wanted, elements, qualified
from expandcontract.model.names import derived, quote, slug

_GONE = (ops.DropIndexOp, ops.DropConstraintOp)
_COME = (
    ops.CreateIndexOp,
    ops.CreateUniqueConstraintOp,
    ops.CreateForeignKeyOp,
    ops.CreateCheckConstraintOp,
)


class Renaming:
    """The renames of one table, taken out of the operations that are `left`.

    Raises CommandError for a hint that cannot be meant, when it is looked for.
    """

    def __init__(self, key: Key, left: list[Any], hints: Hints, differ: Callable[[Any, Any], bool]) -> None:
        self.key, self.left, self.hints, self.differ = key, left, hints, differ
        self.table = qualified(*key)

    def changes(self) -> list[Wanted]:
        """Return a change for each hint."""
        return [self._change(added, dropped) for added, dropped in self._hinted()]

    def _hinted(self) -> list[tuple[ops.AddColumnOp, ops.DropColumnOp]]:
        dropped = {each.column_name: each for each in self.left if isinstance(each, ops.DropColumnOp)}
        found: dict[str, tuple[ops.AddColumnOp, ops.DropColumnOp]] = {}
        for added in [each for each in self.left if isinstance(each, ops.AddColumnOp)]:
            old, new = self.hints.of(self.key, added.column), str(added.column.name)
            if old is None:
                continue
            self._examine(old, new, dropped, found)
            found[old] = added, dropped[old]
        return list(found.values())

    def _examine(self, old: str, new: str, dropped: Any, found: Any) -> None:  # noqa: ANN401 - as above
        if old in found:
            other = str(found[old][0].column.name)
            raise refused(
                self.key,
                f"both {other} and {new} were called {old}, as they say.",
                f'Leave "{HINT}" at one of them; a column that becomes two is ec start split-column.',
            )
        if self.hints.has(self.key, old):
            raise self.hints.refused_twice(self.key, old, new)
        if old not in dropped:
            raise refused(
                self.key,
                f"{new} was called {old}, as it says, and the table has no such column.",
                f"Correct the hint of {new}, or take it off.",
            )

    def _change(self, added: ops.AddColumnOp, dropped: ops.DropColumnOp) -> Wanted:
        old, new = dropped.column_name, str(added.column.name)
        # First, as what is carried is taken out of what comes.
        names = dict(self._named_elsewhere(old, new))
        names |= dict(self._carried(old, new))
        was = dropped.to_column()
        self.left = [each for each in self.left if each not in (added, dropped)]
        if was.nullable is not added.column.nullable:
            self.left.append(self._nullable(added.column))
        both = frozenset({(self.table, old), (self.table, new)})
        brings = frozenset({(self.table, new)})
        word = f"{self.table}.{quote(old)}"
        if self._same_type(was, added.column):
            why = "Old and new code both run from here on: each has its own name, and both the same values."
            return Wanted(
                "rename-column",
                (word, quote(new)),
                why,
                slug(f"rename {self.key[1]} {old}"),
                names=names,
                contracts=True,
                claims=both,
                brings=brings,
            )
        why = "Old and new code both run from here on: each has its own column, and they are kept in sync."
        return Wanted(
            "change-type",
            (word,),
            why,
            slug(f"change {self.key[1]} {old} type"),
            {"type": spelling.type_(added.column.type), "to": quote(new)},
            names,
            contracts=True,
            claims=both,
            brings=brings,
        )

    def _same_type(self, was: Any, now: Any) -> bool:  # noqa: ANN401 - columns
        # What SQLAlchemy does not know it cannot compare.
        return isinstance(was.type, types.NullType) or not self.differ(was, now)

    def _carried(self, old: str, new: str) -> Iterator[tuple[str, str]]:
        """Take out what names the old column, with what stands for it on the new one; yield their names where
        the model has another than what the server's own would become.
        """
        for gone in [each for each in self.left if isinstance(each, _GONE) and _names(each, old)]:
            self.left = [each for each in self.left if each is not gone]
            come = next(
                (each for each in self.left if isinstance(each, _COME) and self._is(gone, each, old, new)),
                None,
            )
            if come is None:
                continue
            self.left = [each for each in self.left if each is not come]
            was, now = _name(gone), _name(come)
            if was and now and now != derived(was, old, new):
                yield quote(was), quote(now)

    def _nullable(self, column: Any) -> ops.AlterColumnOp:  # noqa: ANN401 - SQLAlchemy's
        """Return what else the model says of a column: one change does not do both."""
        return ops.AlterColumnOp(
            self.key[1],
            str(column.name),
            schema=self.key[0],
            existing_type=column.type,
            existing_nullable=not column.nullable,
            modify_nullable=bool(column.nullable),
        )

    def _named_elsewhere(self, old: str, new: str) -> Iterator[tuple[str, str]]:
        """Yield the names of indexes that have the column in WHERE or INCLUDE alone, which Alembic does not
        compare, and of CHECKs that it found under the name of the model: they keep that.
        """
        come = {_name(each) for each in self.left if isinstance(each, _COME)}
        table = self.hints.models.get(self.key)
        for check in self.hints.checks(self.key):
            name = str(check.name)
            if _word(new).search(str(check.sqltext)) and name not in come and name != derived(name, old, new):
                yield quote(name), quote(name)
        for index in () if table is None else table.indexes:
            name = str(index.name or "")
            mentioned = any(_word(new).search(each) for each in spelling.beside_keys(index))
            compared = any(_word(new).search(str(getattr(each, "name", each))) for each in index.expressions)
            if mentioned and not compared and name and name not in come and name != derived(name, old, new):
                yield quote(name), quote(name)

    def _is(self, gone: Any, come: Any, old: str, new: str) -> bool:  # noqa: ANN401
        """Say whether one of the new side is what carries one of the old side on."""
        if isinstance(come, ops.CreateIndexOp) != isinstance(gone, ops.DropIndexOp):
            return False
        for made, kind in ((ops.CreateForeignKeyOp, "foreignkey"), (ops.CreateCheckConstraintOp, "check")):
            if isinstance(come, made) != (getattr(gone, "constraint_type", "") == kind):
                return False
        was = [_bare(_word(old).sub(new, each), self.key[1]) for each in elements(gone)]
        return was == [_bare(each, self.key[1]) for each in elements(come)]


def _names(operation: Any, column: str) -> bool:  # noqa: ANN401 - drops an index or constraint
    return any(_word(column).search(each) for each in elements(operation))


def _word(column: str) -> "re.Pattern[str]":
    return re.compile(rf"(?<!\w){re.escape(column)}(?!\w)")


def _bare(element: str, table: str) -> str:
    """Return an expression without what the server adds to it: casts, parentheses, the table's name."""
    text = re.sub(r"::[a-z ]+", "", element.lower().replace('"', "")).replace(f"{table.lower()}.", "")
    return re.sub(r"[\s()]", "", text)


def _name(operation: Any) -> str:  # noqa: ANN401 - of a constraint or an index
    if isinstance(operation, ops.CreateIndexOp | ops.DropIndexOp):
        return spelling.index_name(operation)
    return spelling.constraint_name(operation)
