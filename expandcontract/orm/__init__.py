"""For applications that use SQLAlchemy: say which version runs, so that `ec` knows when all of them are new.

    async with beating(engine, application="web", version="42"):
        ...

`ec contract --require-version "web>=42"` then waits until every instance is at 42 or later.
"""

from expandcontract.orm.heartbeat import EVERY, beat_on_use, beating, heartbeat
from expandcontract.orm.retrying import retrying
from expandcontract.orm.survival import survive

__all__ = ["EVERY", "beat_on_use", "beating", "heartbeat", "retrying", "survive"]
