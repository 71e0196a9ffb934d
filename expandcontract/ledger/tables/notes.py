"""What was noted, kept and decided on the way."""

from functools import cached_property

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Table, Text
from sqlalchemy.dialects.postgresql import INET, JSONB

from expandcontract.ledger.tables.base import Base, identity, integer, moment, number, text


class NoteTables(Base):
    """What was noted, kept and decided on the way."""

    @cached_property
    def old_use(self) -> Table:
        """Who wrote through which side. Sessions of the application write it, through `note_use`."""
        return Table(
            "old_use",
            self.metadata,
            number("change_id"),
            text("side"),
            text("application_name"),
            text("role"),
            Column("address", INET),
            moment("at", nullable=False),
        )

    @cached_property
    def conflict(self) -> Table:
        """Values that lost, that a side could not hold, or that only the new side had."""
        return Table(
            "conflict",
            self.metadata,
            identity(),
            number("change_id"),
            moment("at", nullable=False),
            text("kind"),
            Column("key", JSONB),
            text("old_value", nullable=True),
            text("new_value", nullable=True),
            text("application_name", nullable=True),
            text("role", nullable=True),
            text("sentence", nullable=True),
            # The transaction that kept a value, or the snapshot in which a sweep found it.
            text("written_by", nullable=True),
            text("seen_in", nullable=True),
        )

    @cached_property
    def waiver(self) -> Table:
        """Soft gates that somebody opened."""
        return Table(
            "waiver",
            self.metadata,
            identity(),
            self.of_change(),
            text("gate"),
            text("who"),
            text("why"),
            text("known"),
            moment("at", nullable=False),
            Column("session_role", Text),
            Column("address", Text),
            Column("by_starter", Boolean, nullable=False),
        )

    @cached_property
    def pruning(self) -> Table:
        """The transactions in which history goes. Nobody ever sees a row."""
        return Table("pruning", self.metadata, Column("transaction", BigInteger, primary_key=True))

    @cached_property
    def picture(self) -> Table:
        """How functions, triggers and the new side stood when a step had made them."""
        return Table(
            "picture",
            self.metadata,
            identity(),
            self.of_change(),
            integer("attempt"),
            text("step"),
            moment("at", nullable=False),
            text("who"),
            Column("sync", JSONB, nullable=False),
            Column("kept", JSONB),
        )

    @cached_property
    def origin(self) -> Table:
        """The replication origins under which rows were copied."""
        return Table(
            "origin",
            self.metadata,
            self.of_change(primary_key=True),
            Column("name", Text, primary_key=True),
            moment("at", nullable=False),
            text("who"),
        )

    @cached_property
    def hook(self) -> Table:
        """Hooks that have to be called after a turn, and when they were."""
        return Table(
            "hook",
            self.metadata,
            identity(),
            self.of_change(),
            text("hook"),
            moment("at", nullable=False),
            text("who"),
            moment("told_at"),
        )

    @cached_property
    def canary(self) -> Table:
        """What was measured before a contract with a canary."""
        return Table(
            "canary",
            self.metadata,
            identity(),
            self.of_change(),
            integer("cycle"),
            moment("at", nullable=False),
            Column("rate", Double, nullable=False),
            integer("sessions"),
        )

    @cached_property
    def given_back(self) -> Table:
        """How far the kept values of a change were given back."""
        names = ("top", "bottom", "below", "written")
        return Table(
            "given_back",
            self.metadata,
            self.of_change(primary_key=True),
            *(number(name) for name in names),
            Column("ended", Boolean, nullable=False),
        )

    @cached_property
    def event(self) -> Table:
        """History, for people: nothing rests on it."""
        return Table(
            "event",
            self.metadata,
            identity(),
            Column("change_id", BigInteger, ForeignKey(self.change.c.id)),
            moment("at", nullable=False),
            text("kind"),
            text("who"),
            Column("data", JSONB, nullable=False),
            Column("session_role", Text),
            Column("address", Text),
        )
