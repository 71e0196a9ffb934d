"""A column more: added with nothing that rewrites the table, then filled, then bound by its rules."""

from dataclasses import dataclass

from expandcontract.model.chosen_names import chosen
from expandcontract.model.names import RelationName, qualify_constant, qualify_type, quote
from expandcontract.model.step import LockMode, Purpose, Step, Sweep, Transactional
from expandcontract.model.upkeep import functions_alone
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps import tables
from expandcontract.steps.parts import Part, finish
from expandcontract.steps.row_function import RowFunction


@dataclass(frozen=True)
class NewColumn:
    """A column as PostgreSQL writes it. `default`, `generated` and `check` are expressions; where the default
    would rewrite the table (`volatile`) rows that are there are filled in a sweep.
    """

    name: str
    type: str
    collation: str | None = None
    default: str | None = None
    volatile: bool = False
    generated: str | None = None
    not_null: bool = False
    unique: bool = False
    check: str | None = None
    comment: str | None = None
    fill: RowFunction | None = None
    references: str | None = None

    @property
    def swept(self) -> bool:
        """Whether rows that are there are filled one by one, while new ones have a default."""
        return self.default is not None and (self.volatile or self.fill is not None)

    @property
    def kept_filled(self) -> bool:
        """Whether rows that come must be filled as well, until code gives the column a value."""
        return self.fill is not None and self.default is None

    @property
    def given(self) -> str:
        """A predicate over `t`: somebody gave the row a value of its own, which goes with the column."""
        name = f"t.{quote(self.name)}"
        if self.generated is not None:
            return "false"
        constant = None if self.default is None else qualify_constant(self.default)
        if constant is None or constant.partition("::")[0] == "NULL":
            return f"{name} IS DISTINCT FROM NULL"
        # As text, since not every type has an operator by which it is equal.
        usual = f"({constant})::{qualify_type(self.type)}::pg_catalog.text"
        return f"({name}::pg_catalog.text OPERATOR(pg_catalog.=) {usual}) IS NOT TRUE"

    @property
    def definition(self) -> str:
        """What follows ADD COLUMN: all of it that is done at once."""
        words = [quote(self.name), self.type]
        words += [f"COLLATE {self.collation}"] if self.collation else []
        words += [f"GENERATED ALWAYS AS ({self.generated}) VIRTUAL"] if self.generated else []
        if self.default is not None and not self.swept:
            words += [f"DEFAULT {self.default}"]
            words += ["NOT NULL"] if self.not_null else []
        return " ".join(words)


def added(snapshot: Snapshot, column: NewColumn) -> Part:
    """Return what adds the column, and fills it where rows that come have its default."""
    functions = (column.fill,) if column.fill is not None and column.swept else ()
    make = tuple(statement for each in functions for statement in each.create())
    drop = tuple(each.drop() for each in functions)
    clear = finish("drop what the expression was parsed into", drop)
    return Part(
        expand=(_add(snapshot.table, column, make),),
        backfill=_fill(snapshot, column),
        repair=(clear,) if drop else (),
        rollback=(*drop, f"ALTER TABLE {snapshot.table.sql} DROP COLUMN IF EXISTS {quote(column.name)}"),
        beside=drop,
        upkeep=(functions_alone(tuple(each.name for each in functions)),) if functions else (),
        also_locked=tuple(each.table for each in snapshot.referred),
    )


def bound(snapshot: Snapshot, column: NewColumn) -> Part:
    """Return what binds the column by its rules, once rows have their values: what old code may break only
    at contract.
    """
    if not (column.kept_filled and column.not_null):
        return Part(backfill=_rules(snapshot, column))
    name = quote(column.name)
    return Part(
        backfill=_rules(snapshot, column),
        before_contract=_not_null(snapshot, column),
        undo=(f"ALTER TABLE {snapshot.table.sql} ALTER COLUMN {name} DROP NOT NULL",),
        enforces=(f"A row without a value in {name} is refused.",),
    )


def _not_null(snapshot: Snapshot, column: NewColumn) -> tuple[Step, ...]:
    constraint = chosen(snapshot.table.name, column.name, "not_null", snapshot.taken_names)
    return tables.not_null(snapshot.table, column.name, constraint, snapshot.server_version)


def _add(table: RelationName, column: NewColumn, more: tuple[str, ...]) -> Step:
    alter, name = f"ALTER TABLE {table.sql}", quote(column.name)
    statements = [f"{alter} ADD COLUMN {column.definition}"]
    if column.swept:
        # Apart from ADD COLUMN, and with it: rows that come from now on have it, those that are there do not.
        statements.append(f"{alter} ALTER COLUMN {name} SET DEFAULT {column.default}")
    if column.comment is not None:
        statements.append(tables.comment_on("COLUMN", f"{table.sql}.{name}", column.comment))
    locked = Transactional((*statements, *more), tables.access_exclusive(table))
    return Step("add_column", "+", f"add column {name} {column.type}", locked)


def _fill(snapshot: Snapshot, column: NewColumn) -> tuple[Step, ...]:
    if not column.swept:
        return ()
    name = quote(column.name)
    sweep = Sweep(
        Purpose.COPY,
        snapshot.table.sql,
        # Of a composite value with a NULL in it IS NULL may be true.
        f"t.{name} IS NOT DISTINCT FROM NULL",
        ((name, "DEFAULT" if column.fill is None else column.fill.of("t")),),
        key=tuple(map(quote, snapshot.primary_key)),
        own_path=True,
    )
    sentence = f"give each row that was there before its own {name}"
    return (Step("copy", "=", sentence, sweep, by_size=True),)


def _rules(snapshot: Snapshot, column: NewColumn) -> tuple[Step, ...]:
    """Old code does not know the column: its rows have the default, which keeps every rule."""
    table, steps = snapshot.table, []
    if column.check is not None:
        name = chosen(table.name, column.name, "check", snapshot.taken_names)
        add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} CHECK ({column.check}) NOT VALID"
        steps.append(
            Step(
                "check",
                "+",
                f"new rows must satisfy {quote(name)}",
                Transactional((add,), tables.access_exclusive(table)),
                reverse=(tables.drop_constraint(table, name),),
            )
        )
        steps.append(tables.validate("check:validate", table, name))
    if column.not_null and column.swept:
        steps += _not_null(snapshot, column)
    return (*steps, *_key(snapshot, column), *_unique(snapshot, column))


def _key(snapshot: Snapshot, column: NewColumn) -> tuple[Step, ...]:
    """A foreign key as it is added to any column: the other table is locked first, for its writers."""
    if column.references is None:
        return ()
    table, (other,) = snapshot.table, snapshot.referred
    name = chosen(table.name, column.name, "fkey", snapshot.taken_names)
    rule = f"FOREIGN KEY ({quote(column.name)}) REFERENCES {other.table.sql}{column.references}"
    add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} {rule.removesuffix(' NOT VALID')} NOT VALID"
    locks = tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, other.table, table)
    return (
        Step(
            "foreign_key",
            "+",
            f"new rows must satisfy {quote(name)}",
            Transactional((add,), locks),
            reverse=(tables.drop_constraint(table, name),),
        ),
        tables.validate("foreign_key:validate", table, name),
    )


def _unique(snapshot: Snapshot, column: NewColumn) -> tuple[Step, ...]:
    if not column.unique:
        return ()
    table, name = snapshot.table, chosen(snapshot.table.name, column.name, "key", snapshot.taken_names)
    build = tables.create_index(table, name, f"btree ({quote(column.name)})", unique=True)
    using = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} UNIQUE USING INDEX {quote(name)}"
    drop = tables.drop_constraint(table, name)
    return (
        Step("unique", "+", f"build unique index {quote(name)}", build, by_size=True, reverse=(drop,)),
        Step(
            "unique:attach",
            "~",
            f"{quote(column.name)} is UNIQUE by it",
            Transactional((using,), tables.access_exclusive(table)),
            reverse=(drop,),
        ),
    )
