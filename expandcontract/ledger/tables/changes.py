"""What a change is, where it stands, and what was done of it."""

from functools import cached_property

from sqlalchemy import Boolean, Column, DateTime, Double, FetchedValue, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, OID

from expandcontract.ledger.tables.base import Base, identity, integer, moment, number, text


class ChangeTables(Base):
    """What a change is, where it stands, and what was done of it."""

    @cached_property
    def schema_version(self) -> Table:
        """Which migrations were applied."""
        return Table(
            "schema_version",
            self.metadata,
            Column("version", Integer, primary_key=True, autoincrement=False),
            text("name"),
            moment("applied_at", nullable=False),
        )

    @cached_property
    def site(self) -> Table:
        """The tables that a change works on. The database writes it from the plan."""
        return Table(
            "site",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("relation", OID, nullable=False),
            text("table_schema"),
            text("table_name"),
            Column("called", ARRAY(Text), nullable=False),
            Column("columns", ARRAY(Text), nullable=False),
            Column("whole", Boolean, nullable=False),
            Column("uses", ARRAY(Text), nullable=False),
            Column("may_go", Boolean, nullable=False),
            integer("pairs"),
            Column("key", ARRAY(Text)),
        )

    @cached_property
    def upkeep(self) -> Table:
        """What stands on the tables of a change and keeps something true. The database writes it as well."""
        return Table(
            "upkeep",
            self.metadata,
            number("change_id"),
            *(
                Column(name, Integer, primary_key=True, autoincrement=False)
                for name in ("attempt", "site", "number")
            ),
            Column("old_columns", ARRAY(Text), nullable=False),
            Column("new_columns", ARRAY(Text), nullable=False),
            text("trigger"),
            text("first_trigger"),
            Column("functions", JSONB, nullable=False),
            Column("hidden_functions", JSONB, nullable=False),
            Column("stages", ARRAY(Text), nullable=False),
            Column("notes_use", Boolean, nullable=False),
        )

    @cached_property
    def phase(self) -> Table:
        """Five rows for each attempt of a change."""
        return Table(
            "phase",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("phase", Text, primary_key=True),
            text("status"),
            moment("started_at"),
            moment("finished_at"),
            text("error", nullable=True),
            Column("soak_seconds", Double),
        )

    @cached_property
    def step(self) -> Table:
        """The journal."""
        return Table(
            "step",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("cycle", Integer, primary_key=True, autoincrement=False),
            Column("section", Text, primary_key=True),
            Column("step", Text, primary_key=True),
            text("status"),
            integer("attempts"),
            moment("started_at", nullable=False),
            moment("finished_at"),
            Column("seconds", Double),
            text("error", nullable=True),
        )

    @cached_property
    def purged(self) -> Table:
        """What a purge took from tables without a row, as the statements that make it again."""
        return Table(
            "purged",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("cycle", Integer, primary_key=True, autoincrement=False),
            Column("was", JSONB),
            Column("statements", ARRAY(Text)),
        )

    @cached_property
    def control(self) -> Table:
        """The wished state, which every worker reads between batches."""
        return Table(
            "control",
            self.metadata,
            self.of_change(primary_key=True),
            Column("paused", Boolean, nullable=False),
            text("paused_by", nullable=True),
            integer("batch", nullable=True),
            Column("max_rate", Double),
            integer("workers", nullable=True),
            Column("max_lag_seconds", Double),
            text("changed_by"),
            moment("changed_at", nullable=False),
            moment("paused_at"),
            text("paused_why", nullable=True),
            moment("paused_until"),
        )

    @cached_property
    def halt(self) -> Table:
        """The pauses of all changes at once."""
        return Table(
            "halt",
            self.metadata,
            identity(),
            text("paused_by"),
            Column("paused_at", DateTime(timezone=True), nullable=False, server_default=FetchedValue()),
            text("paused_why", nullable=True),
            moment("paused_until"),
            text("ended_by", nullable=True),
            moment("ended_at"),
        )

    @cached_property
    def wished(self) -> Table:
        """The view of what is wished of each change now: by itself, and with all others."""
        columns = (number("change_id", nullable=True), Column("paused", Boolean), Column("wish", JSONB))
        return Table("wished", self.metadata, *columns)

    @cached_property
    def lease(self) -> Table:
        """Who is at work on a change."""
        return Table(
            "lease",
            self.metadata,
            Column("token", Uuid, primary_key=True),
            self.of_change(),
            Column("exclusive", Boolean, nullable=False),
            text("verb"),
            text("host"),
            integer("pid"),
            integer("backend_pid", nullable=True),
            moment("backend_start"),
            Column("database_oid", OID, nullable=False),
            text("who"),
            moment("acquired_at", nullable=False),
            moment("until", nullable=False),
            integer("apart_pid", nullable=True),
            moment("apart_start"),
            Column("waits", JSONB),
            moment("heard_at"),
        )
