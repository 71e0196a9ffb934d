"""Every error that `ec` raises on purpose: its code, its exit code, and what it means (the docstring, which
`ec explain` prints).
"""

from typing import ClassVar


class EcError(Exception):
    """Something stopped `ec`. The message says what, `why` the reason, `state` how things are now, `next` the
    command that goes on.
    """

    code: ClassVar[str] = "EC100"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        why: str = "",
        state: str = "Nothing was changed.",
        next: str = "",  # noqa: A002 - the word of the JSON schema
    ) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.state = state
        self.next = next


# -- usage and configuration: exit 2
# ------------------------------------------------------------------------------------


class UsageError(EcError):
    """The command line, a setting or a file says something that `ec` does not understand."""

    code = "EC201"
    exit_code = 2


class BadName(UsageError):
    """A name is not written as SQL writes names, or PostgreSQL would cut it: unquoted names fold to lower
    case, quoted ones are exact, 63 bytes at most.
    """

    code = "EC202"


class UnknownChange(UsageError):
    """No change of that name is in the ledger or in phases/."""

    code = "EC203"


class AmbiguousChange(UsageError):
    """CHANGE was left out and more than one open change fits the command."""

    code = "EC204"


class BadChangeFile(UsageError):
    """A change.toml has a key that its kind does not know, lacks one that it needs, or holds a value of
    another type.
    """

    code = "EC205"


class BadSetting(UsageError):
    """A setting (command line, EC_* variable or [tool.expandcontract]) is not valid."""

    code = "EC206"


class NotConnected(UsageError):
    """The database cannot be reached with the URL that was given: address, role, password or database is
    wrong, or the server is down.
    """

    code = "EC207"


class ServerTooOld(UsageError):
    """PostgreSQL 14 or later is needed: the sweep walks tables by TID range scans, which 14 brought."""

    code = "EC208"


class LedgerMissing(UsageError):
    """The database has no ledger yet, or not in the schema that the settings name. `ec init` creates it."""

    code = "EC209"


class LedgerTooNew(UsageError):
    """The ledger was written by a later version of `ec` than this one."""

    code = "EC210"


class PoolerInTheWay(UsageError):
    """A step that cannot run inside a transaction needs a direct connection, and this one goes through a
    pooler in transaction mode. Set EC_DIRECT_URL.
    """

    code = "EC211"


class BadFleetFile(UsageError):
    """The inventory of a fleet, or its index file, has a key that is not known, lacks one, or names something
    that is not there: a label that no target has, a wave, a database twice.
    """

    code = "EC212"


# -- refused: exit 4, nothing was changed
# ------------------------------------------------------------------------------------


class Refused(EcError):
    """The command does not fit the state of the change; the message says what does."""

    code = "EC300"
    exit_code = 4


class NoSuchObject(Refused):
    """The table or column does not exist, or the role may not see it."""

    code = "EC301"


class NameTaken(Refused):
    """The new name is the name of something else already, or equals the old one."""

    code = "EC302"


class UnsupportedShape(Refused):
    """The table or column has a shape for which this kind of change has no safe recipe."""

    code = "EC303"


class MissingPrivilege(Refused):
    """A role lacks a privilege that the change needs."""

    code = "EC304"


class ColumnOwned(Refused):
    """A column belongs to another change that is not purged yet; two changes on one column lose writes."""

    code = "EC305"


class BadExpression(Refused):
    """An expression does not parse, has the wrong type, is not a single expression, or needs a property that
    it lacks.
    """

    code = "EC306"


class PlanDrifted(Refused):
    """The plan compiled now differs from the one that was reviewed. Look at the difference; `--accept
    FINGERPRINT` goes on with the new one.
    """

    code = "EC307"


class NeedsAcknowledgement(Refused):
    """The plan has a hazard that somebody must acknowledge first."""

    code = "EC308"
    #: All that the plan has, also what was acknowledged already.
    codes: tuple[str, ...] = ()


class BadTransform(Refused):
    """The function of --transform cannot be imported, or is none. It is looked for in the folder in which
    `ec` was started, then among what is installed beside `ec`.
    """

    code = "EC309"


class GateShut(Refused):
    """At least one gate of contract is shut. `ec gates` shows each with its reason and what opens it."""

    code = "EC310"


class GuardRefused(Refused):
    """A guard in the ledger refused the move. The database itself keeps the order of phases and the need for
    proof.
    """

    code = "EC311"


class WrongState(Refused):
    """The command does not apply to a change in this state."""

    code = "EC312"


class NotConfirmed(Refused):
    """What cannot be undone needs --yes, or --now with --confirm CHANGE inside the undo window."""

    code = "EC313"


class CopiedDatabase(Refused):
    """The ledger was made in another database: this one is a copy. Its leases are void and its proofs are
    spoiled.
    """

    code = "EC314"


class WouldLose(Refused):
    """Undo would lose values: the old side cannot hold what new code wrote, or was not kept current. The rows
    are named; `ec undo --accept-loss` goes on all the same.
    """

    code = "EC315"


class HookRefused(Refused):
    """A `before_...` hook of `[tool.expandcontract.hooks]` failed or did not answer in time, and keeps its
    phase from beginning.
    """

    code = "EC316"


class PlanFails(Refused):
    """PostgreSQL would refuse a statement of the plan, now or later: all of them are tried on an empty copy
    of the table before anything is changed. The reason is in the server's own words.
    """

    code = "EC317"


class NotReady(Refused):
    """The change was ready, and somebody dropped or altered what made it so: the new column, the sync
    trigger, an index of the new side. New code must not be deployed; `ec backfill` puts back what can be.
    """

    code = "EC318"


class OtherSpec(Refused):
    """A change of this name is open or finished, and says something else than what was asked for now."""

    code = "EC319"


# -- stopped safely: exit 5, run the same command again
# ------------------------------------------------------------------------------------


class Stopped(EcError):
    """The work stopped at a safe place. The same command goes on from there."""

    code = "EC400"
    exit_code = 5


class LockBudgetSpent(Stopped):
    """The lock could not be had within the budget without making the application wait longer than
    lock_timeout.
    """

    code = "EC401"


class LeaseHeld(Stopped):
    """Another process is at work on this change."""

    code = "EC402"


class LeaseLost(Stopped):
    """This process was silent for longer than its lease and another took over; it stopped without writing."""

    code = "EC403"


class TimeIsUp(Stopped):
    """--max-runtime or --timeout is over."""

    code = "EC404"


class Paused(Stopped):
    """The change is paused and --no-wait was given."""

    code = "EC405"


class ConnectionLost(Stopped):
    """The connection to the server broke. What was committed is in the ledger; the same command goes on."""

    code = "EC410"


class ServerAway(Stopped):
    """The server starts up, shuts down or fails over, or has no connection left. It was waited for, for as
    long as the message says; the same command goes on when it is there.
    """

    code = "EC409"


class Blocked(Stopped):
    """Work outside of `ec` must finish first: a prepared transaction, a snapshot that is held open, another
    session's build.
    """

    code = "EC406"


# -- verification: exit 6 ------------------------------------------------------------------------------------


class Mismatches(EcError):
    """There are rows whose two sides are not in sync, which `ec backfill` repairs, or which a rule of the new
    side refuses from contract on: those are for you to correct.
    """

    code = "EC501"
    exit_code = 6


# -- failed: exit 1 ------------------------------------------------------------------------------------


class StepFailed(EcError):
    """A statement of a step failed for a reason that trying again does not mend. The step's transaction was
    rolled back.
    """

    code = "EC601"


class CanaryFailed(EcError):
    """After contract the database rolled back more than before, or the canary hook failed. `ec` undid the
    contract by itself, unless undo would lose values.
    """

    code = "EC603"


class TransformFailed(EcError):
    """The function of --transform made no new value of a row's old one, or one that the column does not take.
    `ec backfill --on-error skip` goes on without such rows; they keep contract shut.
    """

    code = "EC604"


class Interrupted(EcError):
    """SIGINT or SIGTERM: the batch was finished and its checkpoint written."""

    code = "EC130"
    exit_code = 130


def every_error() -> dict[str, type[EcError]]:
    """Return all error classes by code, for `ec explain` and the docs."""
    found: dict[str, type[EcError]] = {}
    waiting: list[type[EcError]] = [EcError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return dict(sorted(found.items()))
