"""From the parts of a change to its plan."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from expandcontract.changes import table_shape
from expandcontract.model.change import Change
from expandcontract.model.names import RelationName
from expandcontract.model.notes import Words
from expandcontract.model.phases import Section
from expandcontract.model.plan import Plan
from expandcontract.model.site import Site
from expandcontract.model.step import Step
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.steps.parts import Part, Sentences, sections


def compose(  # noqa: PLR0913 - what a plan is made of
    change: Change,
    snapshot: Snapshot,
    parts: Sequence[Part],
    words: Words,
    sentences: Sentences,
    *,
    claims: tuple[str, ...] | None,
    retires: tuple[str, ...] = (),
    brings: tuple[str, ...] = (),
    given: str = "false",
    hidden: str = "",
    aside: RelationName | None = None,
    final: RelationName | None = None,
    uses: tuple[str, ...] = (),
    others: tuple[Site, ...] = (),
    apart: bool = False,
    makes_table: bool = False,
) -> Plan:
    """Return the plan.

    `claims` are the columns that no other change may claim while this one is open, None for the whole table.
    `retires` are the columns that old code uses and contract hides, `hidden` the first one's name from then
    on. `brings` are the columns that it makes, and `given` tells of rows over `t` in which they have values
    that a rollback would lose. `others` are further tables that it works on, and `uses` columns of its own
    that it needs as they are.
    `apart` says that it may be a partition, or a child, by itself; `makes_table` that expand makes it.
    The table is called `aside` while a view stands under its name, and `final` from contract on.
    """
    own = {name.sql for name in (snapshot.table, aside, final) if name is not None}
    steps = {
        section: tuple(step.telling(own) for step in found)
        for section, found in sections(snapshot.table, parts, sentences, final=final).items()
    }
    # What names rows once a validation has met one needs no look before.
    run = [step for section, found in steps.items() if section != Section.REPAIR for step in found]
    columns = bool(brings or hidden or (retires and aside))
    upkeep = tuple(kept for part in parts for kept in part.upkeep)
    if len({kept.site for kept in upkeep}) < len(upkeep):
        # Whoever looks at a table looks for one trigger of a change.
        raise AssertionError(f"{change.name} keeps up more than one thing on a table")
    fires = any(kept.trigger for kept in upkeep)
    needs = table_shape.needs_of(run, columns=columns, trigger=fires)
    table_shape.examine(snapshot, needs, apart=apart)
    return Plan(
        change=change,
        table=snapshot.table,
        pair=None,
        sections=steps,
        old_columns=retires,
        new_columns=brings,
        hidden_column=hidden,
        upkeep=upkeep,
        catalog=_what_matters(snapshot, claims),
        hazards=tuple(note for part in parts for note in part.notes),
        server_version=snapshot.server_version,
        claims=claims,
        enforces=tuple(sentence for part in parts for sentence in part.enforces),
        words=_fitting(words, steps, parts),
        given=given,
        aside=aside,
        final_table=final,
        uses=uses,
        others=others,
        remade=tuple(each for part in parts for each in part.remade),
        follows=tuple(view.sql for part in parts for view in part.follows),
        hidden_views=tuple(view.sql for part in parts for view in part.hidden_views),
        views_anew=tuple(view.sql for part in parts for view in part.views_anew),
        goes_along=tuple(view.sql for part in parts for view in part.goes_along),
        makes_table=makes_table,
    )


def _fitting(words: Words, steps: Mapping[Section, tuple[Step, ...]], parts: Sequence[Part]) -> Words:
    """Return the words without those for what the change has not: a contract, or anything to destroy."""
    contracts, destroys = Section.CONTRACT in steps, any(part.purge for part in parts)
    return replace(
        words,
        contracted=words.contracted if contracts else "",
        destroys=words.destroys if contracts and destroys else "",
    )


def _what_matters(snapshot: Snapshot, claims: tuple[str, ...] | None) -> dict[str, object]:
    """The part of the catalog that the plan was compiled from, for whoever reviews it."""
    named = {each.name for each in snapshot.columns} if claims is None else set(claims)
    return {
        "server_version": snapshot.server_version,
        "columns": [asdict(each) for each in snapshot.columns if each.name in named],
        "indexes": [asdict(index) for index in snapshot.indexes if named.intersection(index.columns)],
        "constraints": [asdict(each) for each in snapshot.constraints if named.intersection(each.columns)],
        "leaves": [leaf.name.sql for leaf in snapshot.relation.leaves],
        "primary_key": list(snapshot.primary_key),
    }
