"""Who still uses the old side, and the views that readers read."""

from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, FetchedValue, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSONB, OID

from expandcontract.ledger.tables.base import Base, integer, moment, number, text
from expandcontract.model.phases import Phase


class SightTables(Base):
    """Who still uses the old side, and the views that readers read."""

    @cached_property
    def watch(self) -> Table:
        """The last look at pg_stat_statements."""
        return Table(
            "watch",
            self.metadata,
            self.of_change(primary_key=True),
            integer("attempt"),
            text("source"),
            moment("at", nullable=False),
            moment("since", nullable=False),
            Column("was_reset", Boolean, nullable=False),
            moment("reset_at"),
            number("evictions"),
            number("evicted"),
            number("ready_wal", nullable=True),
        )

    @cached_property
    def statement(self) -> Table:
        """The statements that may use the old side, with their calls at the last look."""
        return Table(
            "statement",
            self.metadata,
            self.of_change(primary_key=True),
            Column("role_oid", OID, primary_key=True),
            Column("query_id", BigInteger, primary_key=True, autoincrement=False),
            Column("toplevel", Boolean, primary_key=True),
            text("role"),
            text("query"),
            number("calls"),
            Column("uses", Boolean),
            Column("by_name", Boolean, nullable=False),
            text("through", nullable=True),
            text("judged_under", nullable=True),
            number("times"),
            moment("first_seen"),
            moment("seen_after"),
            moment("last_seen"),
        )

    @cached_property
    def instance(self) -> Table:
        """Instances of the application that send heartbeats, which write it through `heartbeat`."""
        return Table(
            "instance",
            self.metadata,
            Column("application", Text, primary_key=True),
            Column("name", Text, primary_key=True),
            Column("role", Text, primary_key=True),
            text("version"),
            Column("address", INET),
            Column("every_seconds", Double, nullable=False),
            moment("first_seen", nullable=False),
            moment("last_seen", nullable=False),
        )

    @cached_property
    def watch_v1(self) -> Table:
        """The view that shows what looking showed: one row for each change."""
        return Table(
            "watch_v1",
            self.metadata,
            number("change_id", nullable=True),
            text("source", nullable=True),
            moment("at"),
            moment("since"),
            Column("was_reset", Boolean),
            number("evicted", nullable=True),
            number("ready_wal", nullable=True),
            Column("readers", JSONB),
            moment("new_code_at"),
            moment("noting_since"),
        )

    @cached_property
    def fleet_v1(self) -> Table:
        """The view of the instances that were heard within a day."""
        columns = ("application", "name", "version", "role", "address")
        names = [text(name, nullable=True) for name in columns]
        seen = (moment("last_seen"), moment("first_seen"), Column("silent", Boolean))
        return Table("fleet_v1", self.metadata, *names, *seen)

    @cached_property
    def status_v1(self) -> Table:
        """The view that readers read: one row for each change, with all that the ledger knows of it."""
        phases = [text(phase) for phase in Phase]
        public: list[Column[Any]] = [number("id")]
        public += [text(name) for name in ("name", "kind", "table_name", "phase", "state")]
        public += [Column("ready", Boolean), *phases, text("proof")]
        public += [number(name) for name in ("blocks_done", "blocks_total", "rows_written")]
        public += [text("throttled_by"), Column("paused", Boolean), text("created_by")]
        public += [moment(name) for name in ("created_at", "hidden_at", "purged_at")]
        public += [number("conflicts")]
        own: list[Column[Any]] = [integer("attempt"), integer("cycle"), Column("plan", JSONB)]
        own += [Column("relation", OID), Column("columns", ARRAY(Text)), number("writes_at_ready")]
        own += [moment("now"), Column("is_copy", Boolean)]
        own += [Column(name, JSONB) for name in ("phases", "copy", "compare", "newest_proof", "old_writers")]
        own += [number("new_side_writes"), *(Column(name, JSONB) for name in ("waivers", "holders", "wish"))]
        own += [Column("steps_done", ARRAY(Text)), Column("covered", ARRAY(BigInteger))]
        own += [
            Column("sync_altered", ARRAY(Text)),
            Column("newest_step", JSONB),
            Column("new_side_lost", JSONB),
            Column("others", ARRAY(BigInteger)),
        ]
        own += [
            text("word"),
            Column("blocked", JSONB),
            moment("last_progress_at"),
            Column("worker_alive", Boolean),
        ]
        own += [Column("judged", JSONB)]
        return Table("status_v1", self.metadata, *public, *own)

    @cached_property
    def judged(self) -> Table:
        """What whoever asked the gates last was told."""
        return Table(
            "judged",
            self.metadata,
            self.of_change(primary_key=True),
            integer("attempt"),
            integer("cycle"),
            Column("at", DateTime(timezone=True), nullable=False, server_default=FetchedValue()),
            Column("gates", JSONB, nullable=False),
            Column("damage", ARRAY(Text), nullable=False),
            moment("undo_until"),
        )

    @cached_property
    def summary_v1(self) -> Table:
        """The slim view: one row for each change, with its word."""
        first: list[Column[Any]] = [number("id", nullable=True)]
        first += [text(name, nullable=True) for name in ("name", "kind", "table_name", "word", "phase")]
        first += [Column("ready", Boolean)]
        first += [number(name, nullable=True) for name in ("blocks_done", "blocks_total", "rows")]
        first += [Column(name, Double) for name in ("rows_per_second", "eta_seconds")]
        first += [Column("blocked", JSONB), moment("last_progress_at"), number("workers", nullable=True)]
        more: list[Column[Any]] = [Column("worker_alive", Boolean)]
        more += [text(name, nullable=True) for name in ("state", "throttled_by")]
        more += [Column("paused", Boolean), Column("gates", JSONB), moment("gates_at")]
        more += [Column(name, JSONB) for name in ("phases", "copy", "compare")]
        more += [integer(name, nullable=True) for name in ("attempt", "cycle")]
        more += [text("created_by", nullable=True)]
        more += [moment(name) for name in ("created_at", "hidden_at", "purged_at", "undo_until")]
        return Table("summary_v1", self.metadata, *first, *more)
