"""The ledger's tables as SQLAlchemy Core sees them. The migrations make them; a test compares the two."""

from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Integer,
    Interval,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB, OID

from expandcontract.model import names
from expandcontract.model.errors import BadSetting
from expandcontract.model.names import MAX_BYTES, quote
from expandcontract.model.phases import Phase


def _moment(name: str, *, nullable: bool = True) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=nullable)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


class Tables:
    """The tables of a ledger in `schema`. Functions that application sessions call live in `sync_schema`.

    Raises BadSetting when the schema's name leaves no room for that of the second.
    """

    def __init__(self, schema: str = "expandcontract") -> None:
        self.schema = schema
        self.sync_schema = names.sync_schema(schema)
        if not schema or len(self.sync_schema.encode()) > MAX_BYTES or "$" in schema:
            raise BadSetting(
                f"{schema!r} cannot be the schema of the ledger.",
                why=f"It takes 1 to {MAX_BYTES - len(names.sync_schema(''))} bytes, without $.",
            )
        self._metadata = MetaData(schema=schema)

    def __repr__(self) -> str:
        return f"Tables({self.schema!r})"

    def qualified(self, name: str) -> str:
        """Return the SQL of a name in the ledger's schema."""
        return f"{quote(self.schema)}.{quote(name)}"

    @cached_property
    def schema_version(self) -> Table:
        """Which migrations were applied."""
        return Table(
            "schema_version",
            self._metadata,
            Column("version", Integer, primary_key=True, autoincrement=False),
            _text("name"),
            _moment("applied_at", nullable=False),
        )

    @cached_property
    def change(self) -> Table:
        """One row for each change, with the plan that every verb after `start` works from."""
        return Table(
            "change",
            self._metadata,
            _id(),
            _text("name"),
            _text("kind"),
            Column("spec", JSONB, nullable=False),
            Column("plan", JSONB, nullable=False),
            _text("fingerprint"),
            _text("state"),
            _integer("attempt"),
            _integer("cycle"),
            Column("relation", OID, nullable=False),
            _text("table_schema"),
            _text("table_name"),
            Column("columns", ARRAY(Text), nullable=False),
            _number("writes_at_ready", nullable=True),
            _text("created_by"),
            _text("created_from"),
            _text("program_version"),
            _number("system_identifier", nullable=True),
            Column("database_oid", OID, nullable=False),
            _moment("created_at", nullable=False),
            _moment("hidden_at"),
            _moment("purged_at"),
            Column("whole", Boolean, nullable=False),
        )

    @cached_property
    def phase(self) -> Table:
        """Five rows for each attempt of a change."""
        return Table(
            "phase",
            self._metadata,
            self._of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("phase", Text, primary_key=True),
            _text("status"),
            _moment("started_at"),
            _moment("finished_at"),
            _text("error", nullable=True),
        )

    @cached_property
    def step(self) -> Table:
        """The journal."""
        return Table(
            "step",
            self._metadata,
            self._of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("cycle", Integer, primary_key=True, autoincrement=False),
            Column("section", Text, primary_key=True),
            Column("step", Text, primary_key=True),
            _text("status"),
            _integer("attempts"),
            _moment("started_at", nullable=False),
            _moment("finished_at"),
            Column("seconds", Double),
            _text("error", nullable=True),
        )

    @cached_property
    def chunk(self) -> Table:
        """What a worker takes, with its checkpoint and its lease."""
        return Table(
            "chunk",
            self._metadata,
            _id(),
            self._of_change(),
            _integer("attempt"),
            _text("purpose"),
            _integer("round"),
            Column("relation", OID, nullable=False),
            _text("relation_name"),
            Column("filenode", OID, nullable=False),
            _number("first_block"),
            _number("end_block"),
            _number("next_block"),
            _number("rows"),
            _number("hot_rows"),
            _number("mismatches"),
            _number("unfit"),
            Column("samples", JSONB, nullable=False),
            _text("status"),
            Column("token", Uuid),
            _moment("leased_until"),
            _text("worker", nullable=True),
            _integer("attempts"),
            _integer("batch", nullable=True),
            _text("throttled_by", nullable=True),
            _text("error", nullable=True),
            _moment("started_at"),
            _moment("updated_at"),
        )

    @cached_property
    def walk(self) -> Table:
        """One row for each round: what its chunks come to, and what those who walk say of their pace.

        Triggers on chunk count; `round` is the view that adds the chunks that are under way.
        """
        return Table(
            "walk",
            self._metadata,
            self._of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("purpose", Text, primary_key=True),
            Column("round", Integer, primary_key=True, autoincrement=False),
            *(_number(name) for name in ("chunks", "blocks", "chunks_done", "blocks_done")),
            *(_number(name) for name in ("rows", "hot_rows", "mismatches", "unfit")),
            _moment("started_at"),
            _moment("updated_at"),
            _moment("said_at"),
            Column("rows_per_second", Double),
            Column("eta_seconds", Double),
            _integer("batch", nullable=True),
            _text("throttled_by", nullable=True),
            Column("idle", Interval, nullable=False, server_default="0"),
        )

    @cached_property
    def proof(self) -> Table:
        """Every verification, with the state that it is bound to."""
        return Table(
            "proof",
            self._metadata,
            _id(),
            self._of_change(),
            _integer("attempt"),
            _integer("cycle"),
            _integer("round"),
            Column("bound", JSONB, nullable=False),
            _moment("bound_at", nullable=False),
            _moment("started_at", nullable=False),
            _moment("finished_at"),
            _number("rows_compared", nullable=True),
            _number("mismatches", nullable=True),
            _number("unfit", nullable=True),
            _moment("spoiled_at"),
            _text("spoiled_why", nullable=True),
        )

    @cached_property
    def old_use(self) -> Table:
        """Who wrote through which side. Sessions of the application write it, through `note_use`."""
        return Table(
            "old_use",
            self._metadata,
            _number("change_id"),
            _text("side"),
            _text("application_name"),
            _text("role"),
            Column("address", INET),
            _moment("at", nullable=False),
        )

    @cached_property
    def conflict(self) -> Table:
        """Values that lost, that a side could not hold, or that only the new side had."""
        return Table(
            "conflict",
            self._metadata,
            _id(),
            _number("change_id"),
            _moment("at", nullable=False),
            _text("kind"),
            Column("key", JSONB),
            _text("old_value", nullable=True),
            _text("new_value", nullable=True),
            _text("application_name", nullable=True),
            _text("role", nullable=True),
            _text("sentence", nullable=True),
            # The transaction that kept a value, or the snapshot in which a sweep found it.
            _text("written_by", nullable=True),
            _text("seen_in", nullable=True),
        )

    @cached_property
    def waiver(self) -> Table:
        """Soft gates that somebody opened."""
        return Table(
            "waiver",
            self._metadata,
            _id(),
            self._of_change(),
            _text("gate"),
            _text("who"),
            _text("why"),
            _text("known"),
            _moment("at", nullable=False),
        )

    @cached_property
    def control(self) -> Table:
        """The wished state, which every worker reads between batches."""
        return Table(
            "control",
            self._metadata,
            self._of_change(primary_key=True),
            Column("paused", Boolean, nullable=False),
            _text("paused_by", nullable=True),
            _integer("batch", nullable=True),
            Column("max_rate", Double),
            _integer("workers", nullable=True),
            Column("max_lag_seconds", Double),
            _text("changed_by"),
            _moment("changed_at", nullable=False),
            _moment("paused_at"),
            _text("paused_why", nullable=True),
            _moment("paused_until"),
        )

    @cached_property
    def laid(self) -> Table:
        """What each round of a sweep was laid over."""
        return Table(
            "laid",
            self._metadata,
            self._of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("purpose", Text, primary_key=True),
            Column("round", Integer, primary_key=True, autoincrement=False),
            _moment("at", nullable=False),
            _text("who"),
            *(Column(name, JSONB) for name in ("bound", "triggers", "standing")),
            *(_number(name, nullable=True) for name in ("chunks", "blocks")),
            Column("leaves", JSONB),
        )

    @cached_property
    def picture(self) -> Table:
        """How functions, triggers and the new side stood when a step had made them."""
        return Table(
            "picture",
            self._metadata,
            _id(),
            self._of_change(),
            _integer("attempt"),
            _text("step"),
            _moment("at", nullable=False),
            _text("who"),
            Column("sync", JSONB, nullable=False),
            Column("kept", JSONB),
        )

    @cached_property
    def origin(self) -> Table:
        """The replication origins under which rows were copied."""
        return Table(
            "origin",
            self._metadata,
            self._of_change(primary_key=True),
            Column("name", Text, primary_key=True),
            _moment("at", nullable=False),
            _text("who"),
        )

    @cached_property
    def hook(self) -> Table:
        """Hooks that have to be called after a turn, and when they were."""
        return Table(
            "hook",
            self._metadata,
            _id(),
            self._of_change(),
            _text("hook"),
            _moment("at", nullable=False),
            _text("who"),
            _moment("told_at"),
        )

    @cached_property
    def canary(self) -> Table:
        """What was measured before a contract with a canary."""
        return Table(
            "canary",
            self._metadata,
            _id(),
            self._of_change(),
            _integer("cycle"),
            _moment("at", nullable=False),
            Column("rate", Double, nullable=False),
            _integer("sessions"),
        )

    @cached_property
    def given_back(self) -> Table:
        """How far the kept values of a change were given back."""
        names = ("top", "bottom", "below", "written")
        return Table(
            "given_back",
            self._metadata,
            self._of_change(primary_key=True),
            *(_number(name) for name in names),
            Column("ended", Boolean, nullable=False),
        )

    @cached_property
    def event(self) -> Table:
        """History, for people: nothing rests on it."""
        return Table(
            "event",
            self._metadata,
            _id(),
            Column("change_id", BigInteger, ForeignKey(self.change.c.id)),
            _moment("at", nullable=False),
            _text("kind"),
            _text("who"),
            Column("data", JSONB, nullable=False),
            Column("session_role", Text),
            Column("address", Text),
        )

    @cached_property
    def lease(self) -> Table:
        """Who is at work on a change."""
        return Table(
            "lease",
            self._metadata,
            Column("token", Uuid, primary_key=True),
            self._of_change(),
            Column("exclusive", Boolean, nullable=False),
            _text("verb"),
            _text("host"),
            _integer("pid"),
            _integer("backend_pid", nullable=True),
            _moment("backend_start"),
            Column("database_oid", OID, nullable=False),
            _text("who"),
            _moment("acquired_at", nullable=False),
            _moment("until", nullable=False),
            _integer("apart_pid", nullable=True),
            _moment("apart_start"),
        )

    @cached_property
    def watch(self) -> Table:
        """The last look at pg_stat_statements."""
        return Table(
            "watch",
            self._metadata,
            self._of_change(primary_key=True),
            _integer("attempt"),
            _text("source"),
            _moment("at", nullable=False),
            _moment("since", nullable=False),
            Column("was_reset", Boolean, nullable=False),
            _moment("reset_at"),
            _number("evictions"),
            _number("evicted"),
            _number("ready_wal", nullable=True),
        )

    @cached_property
    def statement(self) -> Table:
        """The statements that may use the old side, with their calls at the last look."""
        return Table(
            "statement",
            self._metadata,
            self._of_change(primary_key=True),
            Column("role_oid", OID, primary_key=True),
            Column("query_id", BigInteger, primary_key=True, autoincrement=False),
            Column("toplevel", Boolean, primary_key=True),
            _text("role"),
            _text("query"),
            _number("calls"),
            Column("uses", Boolean),
            Column("by_name", Boolean, nullable=False),
            _text("through", nullable=True),
            _text("judged_under", nullable=True),
            _number("times"),
            _moment("first_seen"),
            _moment("seen_after"),
            _moment("last_seen"),
        )

    @cached_property
    def instance(self) -> Table:
        """Instances of the application that send heartbeats, which write it through `heartbeat`."""
        return Table(
            "instance",
            self._metadata,
            Column("application", Text, primary_key=True),
            Column("name", Text, primary_key=True),
            Column("role", Text, primary_key=True),
            _text("version"),
            Column("address", INET),
            Column("every_seconds", Double, nullable=False),
            _moment("first_seen", nullable=False),
            _moment("last_seen", nullable=False),
        )

    @cached_property
    def watch_v1(self) -> Table:
        """The view that shows what looking showed: one row for each change."""
        return Table(
            "watch_v1",
            self._metadata,
            _number("change_id", nullable=True),
            _text("source", nullable=True),
            _moment("at"),
            _moment("since"),
            Column("was_reset", Boolean),
            _number("evicted", nullable=True),
            _number("ready_wal", nullable=True),
            Column("readers", JSONB),
            _moment("new_code_at"),
            _moment("noting_since"),
        )

    @cached_property
    def fleet_v1(self) -> Table:
        """The view of the instances that were heard within a day."""
        columns = ("application", "name", "version", "role", "address")
        names = [_text(name, nullable=True) for name in columns]
        seen = (_moment("last_seen"), _moment("first_seen"), Column("silent", Boolean))
        return Table("fleet_v1", self._metadata, *names, *seen)

    @cached_property
    def status_v1(self) -> Table:
        """The view that readers read: one row for each change, with all that the ledger knows of it."""
        phases = [_text(phase) for phase in Phase]
        public: list[Column[Any]] = [_number("id")]
        public += [_text(name) for name in ("name", "kind", "table_name", "phase", "state")]
        public += [Column("ready", Boolean), *phases, _text("proof")]
        public += [_number(name) for name in ("blocks_done", "blocks_total", "rows_written")]
        public += [_text("throttled_by"), Column("paused", Boolean), _text("created_by")]
        public += [_moment(name) for name in ("created_at", "hidden_at", "purged_at")]
        public += [_number("conflicts")]
        own: list[Column[Any]] = [_integer("attempt"), _integer("cycle"), Column("plan", JSONB)]
        own += [Column("relation", OID), Column("columns", ARRAY(Text)), _number("writes_at_ready")]
        own += [_moment("now"), Column("is_copy", Boolean)]
        own += [Column(name, JSONB) for name in ("phases", "copy", "compare", "newest_proof", "old_writers")]
        own += [_number("new_side_writes"), *(Column(name, JSONB) for name in ("waivers", "holders", "wish"))]
        own += [Column("steps_done", ARRAY(Text)), Column("covered", ARRAY(BigInteger))]
        own += [
            Column("sync_altered", ARRAY(Text)),
            Column("newest_step", JSONB),
            Column("new_side_lost", JSONB),
        ]
        return Table("status_v1", self._metadata, *public, *own)

    def _of_change(self, *, primary_key: bool = False) -> Column[int]:
        return Column(
            "change_id",
            BigInteger,
            ForeignKey(self.change.c.id),
            primary_key=primary_key,
            autoincrement=False,
            nullable=False,
        )
