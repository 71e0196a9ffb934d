"""That every row is filled, where only a program outside of the database can fill one.

Old code leaves rows unfilled at any time, also after a proof. So contract has PostgreSQL itself prove it,
by a CHECK that every write must satisfy until the old side is hidden. Where that is NOT NULL, so is the new
side, and there is no need of another rule.
"""

from expandcontract.model.names import quote, shorten
from expandcontract.model.step import Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.parts import Part
from expandcontract.steps.sync import predicates

#: The steps of contract. Plans of 0.1 had them among those of `repair`.
REQUIRE, PROVE = "filled:require", "filled:prove"


def part(subject: Subject) -> Part:
    """Return the CHECK, which goes when the old side is hidden."""
    if not _may_stay_unfilled(subject):
        return Part()
    table, name, new = subject.table, constraint_name(subject.new), quote(subject.new)
    add = f"ALTER TABLE {table.sql} ADD CONSTRAINT {quote(name)} CHECK ({_filled(subject)}) NOT VALID"
    require = Step(
        REQUIRE,
        "+",
        f"refuse writes that leave {new} unfilled",
        Transactional((add,), tables.access_exclusive(table)),
        reverse=(tables.drop_constraint(table, name),),
    )
    return Part(
        before_contract=(require, tables.validate(PROVE, table, name)),
        contract=(f"ALTER TABLE {table.sql} DROP CONSTRAINT {quote(name)}",),
    )


def _may_stay_unfilled(subject: Subject) -> bool:
    return subject.pair.computed_outside and not subject.pair.new.not_null


def _filled(subject: Subject) -> str:
    absent = predicates.old_absent(subject.pair, (quote(subject.column.name),))
    return f"{absent} OR {predicates.new_given(subject.pair, (quote(subject.new),))}"


def constraint_name(new: str) -> str:
    """Return the name of the CHECK that the new column has while contract goes on."""
    return shorten(f"~ec_filled_{new}")
