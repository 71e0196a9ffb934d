"""How far rows are walked, and what that proved."""

from functools import cached_property
from typing import Any

from sqlalchemy import Column, DateTime, Double, Integer, Interval, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, OID

from expandcontract.ledger.tables.base import Base, identity, integer, moment, number, text


class SweepTables(Base):
    """How far rows are walked, and what that proved."""

    @cached_property
    def chunk(self) -> Table:
        """What a worker takes, with its checkpoint and its lease."""
        return Table(
            "chunk",
            self.metadata,
            identity(),
            self.of_change(),
            integer("attempt"),
            text("purpose"),
            integer("round"),
            Column("relation", OID, nullable=False),
            text("relation_name"),
            Column("filenode", OID, nullable=False),
            number("first_block"),
            number("end_block"),
            number("next_block"),
            number("rows"),
            number("hot_rows"),
            number("mismatches"),
            number("unfit"),
            Column("samples", JSONB, nullable=False),
            text("status"),
            Column("token", Uuid),
            moment("leased_until"),
            text("worker", nullable=True),
            integer("attempts"),
            integer("batch", nullable=True),
            text("throttled_by", nullable=True),
            text("error", nullable=True),
            moment("started_at"),
            moment("updated_at"),
        )

    @cached_property
    def walk(self) -> Table:
        """One row for each round: what its chunks come to, and what those who walk say of their pace.

        Triggers on chunk count; `round` is the view that adds the chunks that are under way.
        """
        return Table(
            "walk",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("purpose", Text, primary_key=True),
            Column("round", Integer, primary_key=True, autoincrement=False),
            *(number(name) for name in ("chunks", "blocks", "chunks_done", "blocks_done")),
            *(number(name) for name in ("rows", "hot_rows", "mismatches", "unfit")),
            moment("started_at"),
            moment("updated_at"),
            moment("said_at"),
            Column("rows_per_second", Double),
            Column("eta_seconds", Double),
            integer("batch", nullable=True),
            text("throttled_by", nullable=True),
            Column("idle", Interval, nullable=False, server_default="0"),
            Column("said", JSONB),
        )

    @cached_property
    def sample(self) -> Table:
        """How a sweep went: a row for each 30 seconds of a day, then one for each five minutes."""
        return Table(
            "sample",
            self.metadata,
            self.of_change(primary_key=True),
            Column("at", DateTime(timezone=True), primary_key=True),
            text("purpose"),
            *(number(name) for name in ("rows", "blocks_done", "blocks_total")),
            *_paces(),
        )

    @cached_property
    def sample_v1(self) -> Table:
        """The view of it that readers read."""
        numbers = (number(name, nullable=True) for name in ("rows", "blocks_done", "blocks_total"))
        names = (text("name", nullable=True), moment("at"), text("purpose", nullable=True))
        return Table("sample_v1", self.metadata, *names, *numbers, *_paces())

    @cached_property
    def laid(self) -> Table:
        """What each round of a sweep was laid over."""
        return Table(
            "laid",
            self.metadata,
            self.of_change(primary_key=True),
            Column("attempt", Integer, primary_key=True, autoincrement=False),
            Column("purpose", Text, primary_key=True),
            Column("round", Integer, primary_key=True, autoincrement=False),
            moment("at", nullable=False),
            text("who"),
            *(Column(name, JSONB) for name in ("bound", "triggers", "standing")),
            *(number(name, nullable=True) for name in ("chunks", "blocks")),
            Column("leaves", JSONB),
        )

    @cached_property
    def proof(self) -> Table:
        """Every verification, with the state that it is bound to."""
        return Table(
            "proof",
            self.metadata,
            identity(),
            self.of_change(),
            integer("attempt"),
            integer("cycle"),
            integer("round"),
            Column("bound", JSONB, nullable=False),
            moment("bound_at", nullable=False),
            moment("started_at", nullable=False),
            moment("finished_at"),
            number("rows_compared", nullable=True),
            number("mismatches", nullable=True),
            number("unfit", nullable=True),
            moment("spoiled_at"),
            text("spoiled_why", nullable=True),
        )


def _paces() -> list[Column[Any]]:
    return [
        Column("rows_per_second", Double),
        integer("batch", nullable=True),
        Column("hot_ratio", Double),
        *(text(name, nullable=True) for name in ("throttled_by", "throttle")),
        *(Column(name, Double) for name in ("reading", "threshold")),
        text("unit", nullable=True),
        Column("lag_seconds", Double),
    ]
