"""What goes on in the server beside a change: indexes that are built, and who keeps dead rows."""

from dataclasses import dataclass

from expandcontract.model.events import Build


@dataclass(frozen=True)
class Horizon:
    """Somebody for whom the server keeps rows that are dead for everybody else.

    `who` names a session, a prepared transaction, a replication slot or a standby. `transactions` is how many
    were begun by anybody since; `seconds` is for how long, and None where nobody knows.
    """

    who: str
    transactions: int
    seconds: float | None = None


@dataclass(frozen=True)
class Activity:
    """What is seen beside the ledger. What our role may not see is not there.

    `builds` are those on the table's leaves. `horizon` begins with the oldest. `new_indexes` are the indexes
    that a write of the new side has to touch, as SQL.
    """

    builds: tuple[Build, ...] = ()
    horizon: tuple[Horizon, ...] = ()
    new_indexes: tuple[str, ...] = ()
