"""The comparison as a constraint on the table: what `ec verify --standing` puts up until contract."""

from expandcontract.model.names import quote, shorten
from expandcontract.model.plan import Plan
from expandcontract.model.step import Step, Transactional
from expandcontract.steps import tables
from expandcontract.steps.sync import predicates


def constraint(plan: Plan) -> str:
    """Return the constraint's name: of the kind that no plan carries."""
    return shorten(f"~ec_in_sync_{plan.sides.new.column}")


def put_up(plan: Plan) -> tuple[Step, ...]:
    """Add it NOT VALID, under a brief lock, then validate it, which stops nobody.

    From then on every write is checked after the sync trigger: one past the trigger is refused.
    """
    name = constraint(plan)
    add = (
        f"ALTER TABLE {plan.table.sql} ADD CONSTRAINT {quote(name)} "
        f"CHECK ({predicates.in_sync(plan.sides, '')}) NOT VALID"
    )
    pair = plan.sides
    old, new = (" and ".join(map(quote, side)) for side in (pair.old_columns, pair.new_columns))
    return (
        Step(
            "standing",
            "+",
            f"no write may leave {old} and {new} out of sync",
            Transactional((add,), tables.access_exclusive(plan.table)),
        ),
        tables.validate("standing:validate", plan.table, name),
    )


def take_down(plan: Plan) -> Step:
    """Remove it, whether or not it is there: once a side is hidden it would check the wrong columns."""
    name = quote(constraint(plan))
    drop = f"ALTER TABLE {plan.table.sql} DROP CONSTRAINT IF EXISTS {name}"
    return Step(
        "standing:drop",
        "-",
        f"remove {name}, which contract would break",
        Transactional((drop,), tables.access_exclusive(plan.table)),
    )
