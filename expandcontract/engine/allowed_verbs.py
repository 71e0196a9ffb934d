"""The table of verbs and stages, applied to a change."""

from expandcontract.engine.context import Context
from expandcontract.model.errors import CopiedDatabase, NotReady, WrongState
from expandcontract.model.notes import Words
from expandcontract.model.phases import Nothing, Phase, Refuse, Run, Stage, State, Verb, answer
from expandcontract.model.plan import Plan
from expandcontract.model.situation import Situation

_PLACES = {
    Stage.NOT_STARTED: "{name} is planned, not started.",
    Stage.READY: "{name} is ready: both sides are in sync.",
    Stage.HIDDEN: "{name} is contracted; the old side is hidden, and ec undo brings it back.",
    Stage.PURGED: "{name} is finished; the old side is gone.",
    Stage.ROLLED_BACK: "{name} is rolled back.",
    Stage.FINISHED: "{name} is finished, and ec rollback takes it back.",
}


def applies(context: Context, verb: Verb, situation: Situation) -> bool:
    """Return whether the verb has work to do; where it has none, say why.

    Raises WrongState with the command that does apply, and CopiedDatabase.
    """
    match answer(verb, situation.stage):
        case Run() if _is_about_nothing(verb, situation.plan):
            context.notice(situation.name, "It holds no two columns together: there is nothing to compare.")
            return False
        case Run():
            _refuse_copy(verb, situation)
            return True
        case Nothing(why=why):
            context.notice(situation.name, why)
            return False
        case Refuse(why=why, next=next_):
            raise WrongState(
                f"ec {verb} does not apply to {situation.name}: {why}",
                why=what_is_left(situation) if situation.stage == Stage.BEFORE_READY else "",
                state=place(situation),
                next=next_.format(change=situation.name),
            )


def _is_about_nothing(verb: Verb, plan: Plan) -> bool:
    """Whether the verb is about what only a pair of columns has, or a rule that rows may break."""
    return plan.pair is None and (verb == Verb.RESTORE or (verb == Verb.VERIFY and not plan.compares))


def require_undamaged(situation: Situation) -> None:
    """Raise NotReady when what made the change ready, or what contract left, is not there any more."""
    if situation.stage in (Stage.NOT_STARTED, Stage.BEFORE_READY) or not situation.damage:
        return
    raise NotReady(
        f"{situation.name} is not ready any more: {' '.join(situation.damage)}",
        state="Code that needs the new side may fail, or write what the old side does not get."
        if situation.plan.pair is not None
        else "Code that needs the change may fail.",
        next=f"ec backfill {situation.name}" if situation.state == State.ACTIVE else "ec doctor",
    )


def place(situation: Situation) -> str:
    """Return in one sentence where the change is."""
    if situation.stage == Stage.READY and not situation.ready:
        return f"{situation.name} was ready, and is not any more: {' '.join(situation.damage)}"
    default = f"{{name}} is in phase {situation.phase}: {situation.phases[situation.phase].status}."
    places = _PLACES if situation.plan.pair is not None else _PLACES | _of_words(situation.plan.words)
    return places.get(situation.stage, default).format(name=situation.name)


def _of_words(words: Words) -> dict[Stage, str]:
    gone = f"{words.destroys} is gone" if words.destroys else "nothing takes it back any more"
    kept = {Stage.FINISHED: f"{{name}} is finished: {words.ready}. {words.stays}"} if words.stays else {}
    return kept | {
        Stage.READY: f"{{name}} is ready: {words.ready}.",
        Stage.HIDDEN: f"{{name}} is contracted: {words.contracted}, and ec undo takes it back.",
        Stage.PURGED: f"{{name}} is purged: {gone}.",
    }


def what_is_left(situation: Situation) -> str:
    """Return what stands between the change and ready: blocks exactly, rows about."""
    copy = situation.copy
    if situation.phases[Phase.DUAL_WRITE].status != "done":
        return f"Phase {situation.phase} is {situation.phases[situation.phase].status}."
    if copy is not None and copy.blocks_done < copy.blocks_total:
        return copy.what_is_left(situation.live.rows)
    if situation.plan.pair is None:
        return f"Phase {situation.phase} is {situation.phases[situation.phase].status}."
    if copy is None:
        return "No row was copied yet."
    return "All rows are copied; indexes of the new side are not settled yet."


def _refuse_copy(verb: Verb, situation: Situation) -> None:
    """What hides or destroys belongs where the change was started; a copy that goes on proves first."""
    if situation.live.is_copy and verb in (Verb.CONTRACT, Verb.PURGE):
        remedy = "undo" if situation.stage == Stage.HIDDEN else "backfill"
        raise CopiedDatabase(
            f"{situation.name} was started in another database, of which this one is a copy.",
            state="The change goes on there. Here its leases are void and its proof is spoiled.",
            next=f"To go on here by itself: ec {remedy} {situation.name}",
        )
