"""For applications that use SQLAlchemy: start only where the models fit, say which version runs, and go on
when a change turns a table.

    import expandcontract.orm as ec

    ec.survive(engine)
    app = FastAPI(lifespan=ec.lifespan(engine, Base.metadata, application="web", version="42"))

`ec contract --require-version "web>=42"` then waits until every instance is at 42 or later.
"""

from expandcontract.orm.heartbeat import EVERY, beat_on_use, beating, heartbeat
from expandcontract.orm.lifespans import lifespan
from expandcontract.orm.requirement import require
from expandcontract.orm.retrying import retrying
from expandcontract.orm.survival import survive

__all__ = ["EVERY", "beat_on_use", "beating", "heartbeat", "lifespan", "require", "retrying", "survive"]
