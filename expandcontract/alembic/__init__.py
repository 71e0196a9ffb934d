"""`ec` within Alembic: two lines of env.py, and revisions that begin and contract changes.

    import expandcontract.alembic as ec

    context.configure(connection=connection, target_metadata=target_metadata, **ec.options(connection))

Importing it registers the operations `op.ec_start`, `op.ec_contract` and their kin, and imports neither the
engine nor its drivers: those come with the first operation that is carried out.
"""

from expandcontract.alembic import oldest as _oldest

_oldest.require()

from expandcontract.alembic import operations as _operations  # noqa: E402, F401 - registers them
from expandcontract.alembic.environment import options  # noqa: E402
from expandcontract.alembic.in_loop import upgrade  # noqa: E402

__all__ = ["options", "upgrade"]
