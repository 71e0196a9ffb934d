"""That every row is filled, where only a program outside of the database can fill one.

Old code leaves rows unfilled at any time, also after a proof. So contract has PostgreSQL itself prove it,
by a CHECK that every write from then on must satisfy.
"""

from expandcontract.model.names import quote, shorten
from expandcontract.model.plan import Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject, Trait
from expandcontract.steps.sync import predicates

#: The steps of Section.REPAIR that contract runs before it hides, and the one that takes them back.
REQUIRE, PROVE, ALLOW = "filled:require", "filled:prove", "filled:allow"


class Filled(Trait):
    """The CHECK, and NOT NULL where the old side has it: before contract it would refuse what old code
    writes.
    """

    def hide(self, subject: Subject) -> tuple[str, ...]:
        if not subject.pair.computed_outside:
            return ()
        alter = f"ALTER TABLE {subject.table.sql}"
        # Proven before, it is not scanned for again. Otherwise it is: nothing is hidden without that.
        statements = [f"{alter} VALIDATE CONSTRAINT {quote(constraint_name(subject.new))}"]
        if subject.pair.new.not_null:
            statements.append(_set_not_null(subject))
        return (*statements, f"{alter} DROP CONSTRAINT {quote(constraint_name(subject.new))}")

    def unhide(self, subject: Subject) -> tuple[str, ...]:
        if not (subject.pair.computed_outside and subject.pair.new.not_null):
            return ()
        return (f"ALTER TABLE {subject.table.sql} ALTER COLUMN {quote(subject.new)} DROP NOT NULL",)


def repairs(subject: Subject) -> tuple[Step, ...]:
    """Return the steps around contract. They are run each time it is tried."""
    if not subject.pair.computed_outside:
        return ()
    table, name, new = subject.table, quote(constraint_name(subject.new)), quote(subject.new)
    drop = f"ALTER TABLE {table.sql} DROP CONSTRAINT IF EXISTS {name}"
    add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {name} CHECK ({_filled(subject)}) NOT VALID"
    locks = tables.access_exclusive(table)
    return (
        Step(REQUIRE, "+", f"refuse writes that leave {new} unfilled", Transactional((drop, add), locks)),
        tables.validate(PROVE, table, constraint_name(subject.new)),
        Step(ALLOW, "-", f"let writes leave {new} unfilled again", Transactional((drop,), locks)),
    )


def _filled(subject: Subject) -> str:
    new, old = quote(subject.new), quote(subject.column.name)
    # SET NOT NULL is spared its scan by just this.
    filled = predicates.new_given(subject.pair, (new,))
    return filled if subject.pair.new.not_null else f"{predicates.old_absent(subject.pair, old)} OR {filled}"


def _set_not_null(subject: Subject) -> str:
    # Either is spared its scan by the valid CHECK. From 18 on NOT NULL has a name.
    alter, name = f"ALTER TABLE {subject.table.sql}", subject.new_name(subject.not_null_name)
    by_itself = f"{subject.table.name}_{subject.new}_not_null"
    if subject.snapshot.server_version < 180000 or name == by_itself:  # noqa: PLR2004
        return f"{alter} ALTER COLUMN {quote(subject.new)} SET NOT NULL"
    return f"{alter} ADD CONSTRAINT {quote(name)} NOT NULL {quote(subject.new)}"


def constraint_name(new: str) -> str:
    """Return the name of the CHECK that the new column has while contract goes on."""
    return shorten(f"~ec_filled_{new}")
