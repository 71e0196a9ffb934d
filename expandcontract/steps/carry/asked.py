"""Rules that the new side was asked to have, and the old one has not: CHECK, UNIQUE and foreign keys. NOT
NULL and defaults have traits of their own, whoever they come from.
"""

from dataclasses import replace

from expandcontract.model.names import RelationName, quote, shorten
from expandcontract.model.step import LockMode
from expandcontract.steps import indexes, rules, unique_indexes
from expandcontract.steps.carry.subject import Subject
from expandcontract.steps.indexes import Standing
from expandcontract.steps.parts import Part, together
from expandcontract.steps.sync.refusals import NewCheck, NewKey, NewUnique


def part(subject: Subject) -> Part:
    """PostgreSQL's own from contract on, as any other rule that begins there: an index that is built first, a
    constraint that is NOT VALID first. Undo takes them back.

    Until then the sync function holds them of new code alone (`sync.refusals`).
    """
    asked = subject.rules
    # What takes long comes before the rules, from which on writes may be refused.
    parts = [
        *(_unique(subject, each) for each in asked.uniques),
        *(_check(subject, each) for each in asked.checks),
        *(_key(subject, each) for each in asked.keys),
    ]
    return together(parts) if parts and subject.leads else Part()


def _unique(subject: Subject, unique: NewUnique) -> Part:
    """What is equal is found until contract by an index that refuses nothing, as that of any twin."""
    name, column = RelationName(subject.table.schema, shorten(f"~ec_l_{unique.name}")), quote(unique.column)
    index = Standing(subject.table, unique.name, f"btree ({column})", unique=True)
    found_by = replace(index, name=name.name, unique=False)
    finder = indexes.build_on(
        f"index:{unique.name}:finds", subject.table, name.name, index.definition, unique=False
    )
    rule = unique_indexes.constraint(index, "UNIQUE", f"({column})")
    equal = unique.another(subject.table, f"t.{column}", "o.ctid OPERATOR(pg_catalog.=) t.ctid")
    return replace(
        rule,
        backfill=(finder,),
        contract=(*rule.contract, f"DROP INDEX {name.sql}"),
        before_undo=indexes.given_up((finder,), found_by),
        # They go with the column.
        before_rollback=(),
        refused=(subject.of_rows_with(equal, inherited=False),),
    )


def _check(subject: Subject, check: NewCheck) -> Part:
    rule = rules.constraint(subject.table, check.name, f"CHECK ({check.expression})")
    return replace(rule, refused=(check.broken,))


def _key(subject: Subject, key: NewKey) -> Part:
    rule = rules.constraint(
        subject.table,
        key.name,
        key.definition,
        lock=LockMode.SHARE_ROW_EXCLUSIVE,
        others=(key.reference.other,),
    )
    return replace(rule, refused=(key.reference.broken(),))
