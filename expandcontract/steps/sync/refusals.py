"""Rules that only the new side has. Until contract the sync function holds them, of what new code writes to
it; from then on PostgreSQL does.

Old code knows nothing of them, and never fails for one: what forward makes of its values is stored as it is,
and the comparison names the rows that break a rule. Who wrote the new side the sync function has told by
then, so that nothing else has to be found out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from expandcontract.model.change import Pair
from expandcontract.model.names import RelationName, literal, of_row, qualify_type, quote
from expandcontract.steps.references import Reference
from expandcontract.steps.sessions import FILLING
from expandcontract.steps.sync import predicates, rows
from expandcontract.steps.sync.predicates import CarriedCheck


@dataclass(frozen=True)
class NewCheck:
    """A CHECK: its name, its expression, the columns that it names, and their types."""

    name: str
    expression: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def broken(self) -> str:
        """A predicate over `t` that is true of rows which break it."""
        return predicates.refused_by(CarriedCheck(f"({self.expression})", self.columns, self.types), "t")


@dataclass(frozen=True)
class NewUnique:
    """UNIQUE of one column; `equal` is the operator by which values are the same."""

    name: str
    column: str
    equal: str

    def another(self, table: RelationName, value: str, itself: str) -> str:
        """Return SQL that is true where another row of the table has `value`. `itself` is true of a row `o`
        that is the one in question.
        """
        # A child by inheritance has no part in it.
        same = f"o.{quote(self.column)} {self.equal} {value}"
        return f"EXISTS (SELECT FROM ONLY {table.sql} o WHERE {same} AND ({itself}) IS NOT TRUE)"


@dataclass(frozen=True)
class NewKey:
    """A foreign key of one column: its name, its definition as in ADD CONSTRAINT, and how rows that break it
    are found. `looked_up`: it is held before contract, too.
    """

    name: str
    column: str
    definition: str
    reference: Reference
    looked_up: bool = True


@dataclass(frozen=True)
class NewRules:
    """The rules of a new side that the old one did not hand on. `types` are those of its columns.

    `defaults` come with contract; with `default_replaced` that of the first column, whenever it comes, is
    another one than what the old side's would make, and with `default_goes` it is none: until contract it
    tells an INSERT of NULL from one that left the column out. With `tells_null` it is NULL as well, and notes
    that it was used. `comment` is what was asked for in place of the old side's.
    """

    not_null: tuple[str, ...] = ()
    checks: tuple[NewCheck, ...] = ()
    uniques: tuple[NewUnique, ...] = ()
    keys: tuple[NewKey, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    default_replaced: bool = False
    default_goes: bool = False
    tells_null: bool = False
    types: tuple[tuple[str, str], ...] = ()
    comment: str | None = None

    @property
    def held(self) -> bool:
        """Whether the sync function holds any."""
        return bool(self.not_null or self.checks or self.uniques or self._looked_up)

    @property
    def looks(self) -> bool:
        """Whether it looks at other rows for one."""
        return bool(self.uniques or self._looked_up)

    @property
    def _looked_up(self) -> tuple[NewKey, ...]:
        return tuple(each for each in self.keys if each.looked_up)

    def row_arguments(self) -> dict[str, str]:
        """Return the columns, with their types, that the rules of the row itself look at."""
        named = {c: t for each in self.checks for c, t in zip(each.columns, each.types, strict=True)}
        types = dict(self.types)
        return {name: types[name] for name in self.not_null} | named

    def other_arguments(self) -> dict[str, str]:
        """Return those at which the rules look that other rows decide."""
        types = dict(self.types)
        columns = [each.column for each in self.uniques] + [each.column for each in self._looked_up]
        return {column: types[column] for column in columns}

    def functions(
        self, pair: Pair, row: RelationName, other: RelationName
    ) -> Iterator[tuple[RelationName, str, str, str]]:
        """Yield name, arguments, type and expression of what tells which rule a row breaks: SQLSTATE,
        constraint, column and message; NULL where none.
        """
        if self.not_null or self.checks:
            cases = [*self._not_null(pair), *self._checks(pair)]
            yield row, _arguments(self.row_arguments()), "text[]", _first(cases)
        if self.looks:
            numbers = {name: f"${n}" for n, name in enumerate(self.other_arguments(), 1)}
            itself = f"o.ctid OPERATOR(pg_catalog.=) ${len(numbers) + 1}"
            cases = [*self._uniques(pair, numbers, itself), *self._keys(pair, numbers)]
            arguments = ", ".join((_arguments(self.other_arguments()), "pg_catalog.tid"))
            yield other, arguments, "text[]", _first(cases)

    def _not_null(self, pair: Pair) -> Iterator[tuple[str, str]]:
        for name in self.not_null:
            said = (
                f'null value in column "{name}" of relation "{pair.table.name}" violates not-null constraint'
            )
            yield predicates.absent(quote(name)), _told("23502", "", name, said)

    def _checks(self, pair: Pair) -> Iterator[tuple[str, str]]:
        for each in self.checks:
            said = f'new row for relation "{pair.table.name}" violates check constraint "{each.name}"'
            yield f"({each.expression}) IS FALSE", _told("23514", each.name, "", said)

    def _uniques(self, pair: Pair, numbers: dict[str, str], itself: str) -> Iterator[tuple[str, str]]:
        for each in self.uniques:
            said = f'duplicate key value violates unique constraint "{each.name}"'
            another = each.another(pair.table, numbers[each.column], itself)
            yield another, _told("23505", each.name, "", said)

    def _keys(self, pair: Pair, numbers: dict[str, str]) -> Iterator[tuple[str, str]]:
        for each in self._looked_up:
            said = f'insert or update on table "{pair.table.name}" violates foreign key constraint'
            row = f"(SELECT {numbers[each.column]} AS {quote(each.column)}) t"
            broken = f"(SELECT {each.reference.broken()} FROM {row})"
            yield broken, _told("23503", each.name, "", f'{said} "{each.name}"')


def refuse(rules: NewRules, change: str, function: RelationName) -> str:
    """Return what refuses a write of new code that breaks a rule by itself, where the sync function has told
    that it is one. What a trigger of the user made of old code's write is none, nor what ec itself fills.
    """
    if not (rules.not_null or rules.checks):
        return ""
    # What cannot be evaluated PostgreSQL refuses as well.
    fault = """
                    WHEN data_exception THEN
                        broken := ARRAY['23514', '', '', SQLERRM];"""
    asked = _asked(f"{function.sql}({_given(rules.row_arguments())})", fault)
    return _of_new_code(f"{asked}{_raised(change)}")


def look(rules: NewRules, change: str, pair: Pair, function: RelationName) -> str:
    """Return what refuses one that breaks a rule which other rows decide. An INSERT may be given up for a row
    that is there (ON CONFLICT): whether it was, the trigger after the row is told.
    """
    if not rules.looks:
        return ""
    later = f"""
                IF broken IS NOT NULL AND TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
                    {rows.put_down_broken(change, pair)}
                    broken := NULL;
                END IF;"""
    asked = _asked(f"{function.sql}({_given(rules.other_arguments())}, OLD.ctid)")
    return _of_new_code(f"{asked}{later}{_raised(change)}")


def look_when_stored(rules: NewRules, change: str, pair: Pair, function: RelationName) -> str:
    """Return what the trigger after the row does about that."""
    if not rules.looks:
        return ""
    unfit, broken = rows.was_put_down(change, pair)
    asked = _asked(f"{function.sql}({_given(rules.other_arguments())}, NEW.ctid)")
    return f"""
        IF {broken} THEN{_block(f"{asked}{_raised(change)}")}
        END IF;
        IF ({unfit}) IS NOT TRUE THEN
            RETURN NULL;
        END IF;"""


def _of_new_code(body: str) -> str:
    filling = f"COALESCE(pg_catalog.current_setting({literal(FILLING)}, true), '')"
    return f"""
        IF NOT altered AND {filling} OPERATOR(pg_catalog.<>) 'on' THEN{_block(body)}
        END IF;"""


def _block(body: str) -> str:
    return f"""
            DECLARE
                broken pg_catalog.text[];
            BEGIN{body}
            END;"""


def _asked(call: str, faults: str = "") -> str:
    return f"""
                BEGIN
                    broken := {call};
                EXCEPTION
                    WHEN insufficient_privilege THEN
                        broken := NULL;  -- PostgreSQL looks with other rights, at contract{faults}
                END;"""


def _raised(change: str) -> str:
    hint = literal(f"The schema change {change} holds this rule of new code until contract, and then of all.")
    return f"""
                IF broken IS NOT NULL THEN
                    RAISE EXCEPTION USING ERRCODE = broken[1], CONSTRAINT = broken[2], COLUMN = broken[3],
                        MESSAGE = broken[4], SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, HINT = {hint};
                END IF;"""


def _given(arguments: dict[str, str]) -> str:
    return ", ".join(of_row("NEW", name) for name in arguments)


def _arguments(arguments: dict[str, str]) -> str:
    return ", ".join(f"{quote(name)} {qualify_type(type_)}" for name, type_ in arguments.items())


def _told(state: str, constraint: str, column: str, message: str) -> str:
    return f"ARRAY[{', '.join(map(literal, (state, constraint, column, message)))}]::pg_catalog.text[]"


def _first(cases: Sequence[tuple[str, str]]) -> str:
    whens = " ".join(f"WHEN {condition} THEN {told}" for condition, told in cases)
    return f"CASE {whens} END"
