"""What the tables of a ledger have in common: the schemas that they lie in, and kinds of columns."""

from datetime import datetime
from functools import cached_property

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    FetchedValue,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, OID

from expandcontract.model import names
from expandcontract.model.errors import BadSetting
from expandcontract.model.names import MAX_BYTES, quote


def moment(name: str, *, nullable: bool = True) -> Column[datetime]:
    """Return a moment."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def text(name: str, *, nullable: bool = False) -> Column[str]:
    """Return a text."""
    return Column(name, Text, nullable=nullable)


def number(name: str, *, nullable: bool = False) -> Column[int]:
    """Return a number of 64 bits."""
    return Column(name, BigInteger, nullable=nullable)


def integer(name: str, *, nullable: bool = False) -> Column[int]:
    """Return a number of 32 bits."""
    return Column(name, Integer, nullable=nullable)


def identity() -> Column[int]:
    """Return the number that the server gives each row."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


class Base:
    """What all tables of a ledger in `schema` refer to. Functions that application sessions call live in
    `sync_schema`.

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
        self.metadata = MetaData(schema=schema)

    def __repr__(self) -> str:
        return f"Tables({self.schema!r})"

    def qualified(self, name: str) -> str:
        """Return the SQL of a name in the ledger's schema."""
        return f"{quote(self.schema)}.{quote(name)}"

    @cached_property
    def change(self) -> Table:
        """One row for each change, with the plan that every verb after `start` works from."""
        return Table(
            "change",
            self.metadata,
            identity(),
            text("name"),
            text("kind"),
            Column("spec", JSONB, nullable=False),
            Column("plan", JSONB, nullable=False),
            text("fingerprint"),
            text("state"),
            integer("attempt"),
            integer("cycle"),
            Column("relation", OID, nullable=False),
            text("table_schema"),
            text("table_name"),
            Column("columns", ARRAY(Text), nullable=False),
            number("writes_at_ready", nullable=True),
            text("created_by"),
            text("created_from"),
            text("program_version"),
            number("system_identifier", nullable=True),
            Column("database_oid", OID, nullable=False),
            moment("created_at", nullable=False),
            moment("hidden_at"),
            moment("purged_at"),
            Column("whole", Boolean, nullable=False),
            Column("told", JSONB, FetchedValue()),
            Column("contracts", Boolean, FetchedValue()),
            Column("compares", Boolean, FetchedValue()),
            Column("last_phase", Text, FetchedValue()),
        )

    def of_change(self, *, primary_key: bool = False) -> Column[int]:
        """Return the column that says of which change a row is."""
        return Column(
            "change_id",
            BigInteger,
            ForeignKey(self.change.c.id),
            primary_key=primary_key,
            autoincrement=False,
            nullable=False,
        )
