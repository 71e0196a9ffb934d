"""The operations `op.ec_*` of revisions, as data; `carrying` carries them out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations

from expandcontract.alembic.migration_run import KEY
from expandcontract.alembic.revisions import Call, Operation
from expandcontract.alembic.telling import failure
from expandcontract.model.errors import UsageError


class EcOperation(MigrateOperation):
    """An operation of ours, with the words and options that the revision gave it."""

    operation: ClassVar[Operation]

    def __init__(self, *words: str, **options: Any) -> None:  # noqa: ANN401 - fields of any kind
        self.words = words
        self.options = options
        #: What a comment in the revision says of it.
        self.why = ""

    def keyed(self, key: Callable[[str], str]) -> "EcOperation":
        """Return the same of the change as the ledger calls it."""
        call = Call(self.operation, self.words, self.options, 0).keyed(key)
        return type(self)(*call.words, **call.options)

    def reverse(self) -> "EcOperation":
        """Return what a downgrade does. Raises NotImplementedError where nothing does."""
        raise NotImplementedError

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` shows."""
        return (self.operation.value, *self.words)


@Operations.register_operation("ec_start")
class EcStart(EcOperation):
    """Begins a change, and brings it to ready where that takes no longer than `inline`."""

    operation = Operation.START

    @classmethod
    def ec_start(
        cls,
        operations: Operations,
        kind: str,
        *words: str,
        name: str,
        names: Mapping[str, str] | None = None,
        inline: str = "5min",
        acknowledge: Sequence[str] = (),
        **spec: Any,  # noqa: ANN401 - fields of the kind
    ) -> None:
        """Begin a change of `kind`, whose arguments are `words` and `spec`, as `ec start` takes them.

        Args:
            operations: Alembic's.
            kind: such as "rename-column".
            words: its arguments in order.
            name: of the change, the same in every database.
            names: what indexes and constraints that go with a column are called from contract on, by their
                present names.
            inline: how long the backfill may take within the revision.
            acknowledge: codes of hazards that are acknowledged.
            spec: its options.
        """
        if names:
            spec["names"] = dict(names)
        operations.invoke(cls(kind, *words, name=name, inline=inline, acknowledge=acknowledge, **spec))

    def reverse(self) -> EcOperation:
        """Return what takes the change back."""
        return EcRollback(self.options["name"])


@Operations.register_operation("ec_run")
class EcRun(EcOperation):
    """Carries out a change that has nothing to contract."""

    operation = Operation.RUN

    @classmethod
    def ec_run(
        cls,
        operations: Operations,
        kind: str,
        *words: str,
        name: str,
        acknowledge: Sequence[str] = (),
        **spec: Any,  # noqa: ANN401 - fields of the kind
    ) -> None:
        """Carry out a change that is finished when it is ready; the arguments are those of `ec_start`."""
        operations.invoke(cls(kind, *words, name=name, acknowledge=acknowledge, **spec))

    def reverse(self) -> EcOperation:
        """Return what takes the change back."""
        return EcRollback(self.options["name"])


@Operations.register_operation("ec_contract")
class EcContract(EcOperation):
    """Hides what old code uses, if the gates are open."""

    operation = Operation.CONTRACT

    @classmethod
    def ec_contract(cls, operations: Operations, name: str, *, soak: str = "1d") -> None:
        """Contract the change once it has been ready for `soak` and its gates are open."""
        operations.invoke(cls(name, soak=soak))

    def reverse(self) -> EcOperation:
        """Return what brings the old side back."""
        return EcUndo(*self.words)


@Operations.register_operation("ec_rollback")
class EcRollback(EcOperation):
    """Takes back what start added."""

    operation = Operation.ROLLBACK

    @classmethod
    def ec_rollback(cls, operations: Operations, name: str) -> None:
        """Take back a change that is not contracted."""
        operations.invoke(cls(name))


@Operations.register_operation("ec_undo")
class EcUndo(EcOperation):
    """Brings the old side back."""

    operation = Operation.UNDO

    @classmethod
    def ec_undo(cls, operations: Operations, name: str) -> None:
        """Let old code work again, with every value."""
        operations.invoke(cls(name))


@Operations.register_operation("ec_wait")
class EcWait(EcOperation):
    """Waits until a change is where the pipeline wants it."""

    operation = Operation.WAIT

    @classmethod
    def ec_wait(cls, operations: Operations, name: str, goal: str = "ready", timeout: str = "10min") -> None:
        """Wait for at most `timeout` until the change is "ready" or "hidden"."""
        operations.invoke(cls(name, goal=goal, timeout=timeout))


@Operations.implementation_for(EcOperation)
def _carry_out(operations: Operations, operation: EcOperation) -> None:
    migration = operations.migration_context
    if migration.dialect.name != "postgresql":
        raise failure(
            UsageError(
                f"op.{operation.operation} needs PostgreSQL; this database is {migration.dialect.name}.",
                why="Everything else of Alembic works here.",
            )
        )
    if KEY not in migration.opts:
        raise failure(
            UsageError(
                f"env.py does not say anything of op.{operation.operation}.",
                why="ec has to see every pending revision before the first of them runs.",
                next="context.configure(connection=connection, ..., **ec.options(connection))",
            )
        )
    if migration.as_sql:
        from expandcontract.alembic import offline

        offline.emit(migration, operation)
        return
    from expandcontract.alembic import carrying

    carrying.carry_out(migration, operation)
