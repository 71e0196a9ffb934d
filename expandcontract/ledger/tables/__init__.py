"""The ledger's tables as SQLAlchemy Core sees them. The migrations make them; a test compares the two."""

from expandcontract.ledger.tables.changes import ChangeTables
from expandcontract.ledger.tables.notes import NoteTables
from expandcontract.ledger.tables.sight import SightTables
from expandcontract.ledger.tables.sweeps import SweepTables


class Tables(ChangeTables, SweepTables, NoteTables, SightTables):
    """All tables and views of a ledger in one schema."""
