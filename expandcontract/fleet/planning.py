"""A change compiled on every target, and which targets have the same plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from expandcontract.changes import registry
from expandcontract.engine import plan_files
from expandcontract.engine import situation as situations
from expandcontract.engine.context import Context
from expandcontract.engine.verbs import plan as verb
from expandcontract.engine.verbs.start import require_same
from expandcontract.fleet.index_file import Entry, Index, IndexedWave
from expandcontract.fleet.outcome import Outcome
from expandcontract.fleet.target import Round, Target
from expandcontract.ledger import migrate
from expandcontract.model.change import Change
from expandcontract.model.errors import PlanDrifted
from expandcontract.model.phases import Stage
from expandcontract.model.plan import Plan, likeness

#: So many targets compile at once: each tries its whole plan on an empty copy of the table.
AT_ONCE = 8
#: Stages in which the plan is compiled anew.
COMPILED = (Stage.NOT_STARTED, Stage.ROLLED_BACK)


@dataclass(frozen=True)
class Compiled:
    """The plan of a change on a target. `alike` is what targets with the same plan have in common: the
    fingerprint, and of a schema what is left of it without the schema's name.
    """

    plan: Plan
    alike: str


async def compiled(
    context: Context, target: Target, change: Change, earlier: Index | None = None
) -> Compiled:
    """Return the plan of a change, of the name that it has everywhere; the one that runs where it is begun.
    There `earlier`, an index that was written before, says which plan a schema had: what it runs has the
    schema in names of its own.

    Raises Refused and its kin, and OtherSpec for a change of that name that says something else.
    """
    known = next(iter(await situations.load(context, [target.key(change.name)])), None)
    if known is not None:
        require_same(change, known)
        if known.stage not in COMPILED:
            entry = None if earlier is None or target.schema is None else earlier.entries.get(target.name)
            if entry is not None and entry.plan is not None:
                return Compiled(known.plan, entry.plan)
            return _alike(target, known.plan, change.name)
    # By the name that it has everywhere, not by that of the ledger: what is derived from it is alike then.
    return _alike(target, await verb.make(context, change), change.name)


def _alike(target: Target, plan: Plan, name: str) -> Compiled:
    own = plan.fingerprint if target.schema is None else likeness(plan, target.schema, name)
    return Compiled(plan, own)


async def seen(context: Context, target: Target, change: Change, index: Index) -> str | None:
    """Return the fingerprint that was seen for a target, for `ec start` to compare with; None where the plan
    is compared here. Raises PlanDrifted where it is none that was seen.
    """
    entry = index.entries.get(target.name)
    if target.schema is None and entry is not None and entry.fingerprint is not None:
        return entry.fingerprint
    await require_seen(context, target, change, index)
    return None


async def require_seen(context: Context, target: Target, change: Change, index: Index) -> None:
    """Raise PlanDrifted where the plan of a target is none that was seen: that of the target, or of one that
    is not in the index that of any.
    """
    entry = index.entries.get(target.name)
    now = await compiled(context, target, change)
    if now.alike in (index.plans if entry is None else {entry.plan}):
        return
    raise PlanDrifted(
        f"{target.name}: {change.name} compiles to a plan that nobody has seen: {now.alike}.",
        why="It is not in the index that ec fleet plan wrote."
        if entry is None
        else f"When ec fleet plan looked it was {entry.plan or 'none'}.",
        next=f"ec fleet plan {change.name}",
    )


async def taken(context: Context) -> tuple[str, ...]:
    """Return the names that the ledger of a target has. Raises LedgerMissing and LedgerTooNew."""
    async with context.database.transaction() as conn:
        await migrate.check(conn, context.tables)
        return tuple((await conn.execute(select(context.tables.change.c.name))).scalars())


@dataclass(frozen=True)
class Group:
    """Targets with the same plan, which is that of the first one."""

    alike: str
    plan: Plan
    targets: tuple[Target, ...]


def grouped(found: Sequence[Outcome[Compiled]]) -> tuple[Group, ...]:
    """Pure. Return the distinct plans, the one of most targets first."""
    groups: dict[str, list[Outcome[Compiled]]] = {}
    for each in found:
        if each.answer is not None:
            groups.setdefault(each.answer.alike, []).append(each)
    made = [
        Group(alike, each[0].answer.plan, tuple(outcome.target for outcome in each))
        for alike, each in groups.items()
        if each[0].answer is not None
    ]
    return tuple(sorted(made, key=lambda group: (-len(group.targets), group.alike)))


def difference(group: Group, first: Group) -> tuple[str, ...]:
    """Pure. Return in sentences what a plan does that the first one does not, and the other way round."""
    own, usual = _sentences(group.plan), _sentences(first.plan)
    more = tuple(f"+ {each}" for each in own if each not in usual)
    less = tuple(f"- {each}" for each in usual if each not in own)
    if more or less:
        return (*more, *less)
    return ("the same steps by other statements",)


def _sentences(plan: Plan) -> list[str]:
    steps = (step for section in plan.sections.values() for step in section)
    return list(
        dict.fromkeys([*(step.sentence for step in steps), *(note.sentence for note in plan.hazards)])
    )


def index(change: str, rounds: Sequence[Round], found: Sequence[Outcome[Compiled]]) -> Index:
    """Pure. Return the index file of what was found."""
    plans = {each.target.name: each.answer for each in found}
    waves = (
        IndexedWave(name=each.wave.name, targets=tuple(_entry(t, plans.get(t.name)) for t in each.targets))
        for each in rounds
    )
    return Index(change=change, waves=tuple(waves))


def _entry(target: Target, found: Compiled | None) -> Entry:
    if found is None:
        return Entry(target=target.name)
    return Entry(target=target.name, fingerprint=found.plan.fingerprint, plan=found.alike)


#: Where the SQL of the distinct plans lies, in the folder of the change.
FOLDER = "plans"


def write(change: Change, groups: Sequence[Group], phases: Path, ledger_schema: str) -> Path:
    """Write change.toml and one file of SQL for each distinct plan, in the place of earlier ones; return the
    folder of the change.
    """
    folder = phases / change.name
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for old in (folder / FOLDER).glob("*.sql"):
        old.unlink()
    (folder / plan_files.FILE).write_text(plan_files.change_text(change), encoding="utf-8")
    for group in groups:
        text = _sql(group, ledger_schema)
        (folder / FOLDER / f"{group.alike}.sql").write_text(text, encoding="utf-8")
    return folder


def _sql(group: Group, ledger_schema: str) -> str:
    names = " ".join(", ".join(target.name for target in group.targets[:5]).split())
    more = f" and {len(group.targets) - 5} more" if len(group.targets) > 5 else ""  # noqa: PLR2004
    head = f"-- Plan {group.alike} of {len(group.targets)} targets: {names}{more}\n"
    parts = plan_files.render(group.plan, ledger_schema).items()
    return "\n".join([head, *(f"-- == {section} ==\n\n{text}" for section, text in parts)])


def named(kind: str, spec: Mapping[str, object], phases: Path, taken: Iterable[str]) -> Change:
    """Return the plan in `phases` that has this very spec, or a change of the next number that is free there
    and on every target.
    """
    for name in plan_files.names(phases):
        known = plan_files.find(phases, name).change
        if known.kind == kind and dict(known.spec) == dict(spec):
            return known
    validated = registry.load(kind).spec.model_validate(dict(spec))
    slug = registry.load(kind).slug(validated)
    return Change(plan_files.next_name(slug, [*plan_files.names(phases), *taken]), kind, spec)
