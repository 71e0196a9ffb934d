"""The limits and waiting times that a run keeps to. The command line reads them from its settings; defaults
are DESIGN's promises.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from expandcontract.model.versions import Requirement


@dataclass(frozen=True)
class Policy:
    """How long things may take, and what must have been quiet for how long."""

    #: No statement of an application waits for a lock of ours longer than this.
    lock_timeout: timedelta = timedelta(milliseconds=100)
    #: For how long a lock is tried for before `ec` stops with exit code 5.
    lock_budget: timedelta = timedelta(minutes=5)
    #: For this long nobody may have been seen to use the old side before contract; it counts from when
    #: looking began.
    quiet_for: timedelta = timedelta(minutes=5)
    #: Contract wants this much time between ready and contract.
    soak: timedelta = timedelta(0)
    #: A proof older than this does not count.
    proof_max_age: timedelta = timedelta(days=7)
    #: After contract, purge waits for this long unless it is told --now.
    undo_window: timedelta = timedelta(hours=24)
    #: Contract wants every instance of these applications to be at these versions or later.
    require_version: tuple[Requirement, ...] = ()
    #: When the new code was deployed; unless it is said, when the first write came through the new side.
    deployed_at: datetime | None = None
    #: Contract wants somebody's `ec ack CHANGE approval`; "other": somebody's who did not make the plan.
    approval: bool | Literal["other"] = False
    #: Contract does not go past a gate that cannot look, unless somebody acknowledges it.
    #: True: past none of them; or the names of those that have to see.
    require_sight: bool | tuple[str, ...] = False
    #: Whether the queries of blockers are left out of messages and of the ledger.
    confidential: bool = False
    #: No application runs: whatever waits for one passes.
    fresh: bool = False
