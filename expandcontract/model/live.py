"""What the catalog and the statistics say of a change's table now."""

from dataclasses import dataclass, field
from enum import StrEnum

from expandcontract.model.names import RelationName, quote
from expandcontract.model.plan import Plan


@dataclass(frozen=True)
class Dependent:
    """Something in the database that names the old column.

    `blocks_hide`: it names the column in text and would fail once the name is gone. Otherwise PostgreSQL
    carries it along until purge. `mentions`: all that is known is that its text has the name, and that of the
    table, in it; it may mean another column. `text` is a digest of that text.
    """

    kind: str
    name: str
    blocks_hide: bool
    mentions: bool = False
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Leaf:
    """A relation with storage below the table, and whether our trigger on it stands and fires as it must."""

    oid: int
    name: str
    trigger_intact: bool
    swept: bool


@dataclass(frozen=True)
class Lost:
    """Something that the new side had when it was ready, and has no more.

    `kind` is `index`, `constraint`, `not null` or `default`; the last two have no name.
    """

    kind: str
    name: str

    @property
    def sql(self) -> str:
        """What a step brings that makes it again."""
        return quote(self.name) if self.name else self.kind.upper()

    def sentence(self, plan: Plan) -> str:
        """Say what is gone."""
        if self.name:
            return f"The {self.kind} {quote(self.name)} of {plan.table} is gone."
        what = "NOT NULL" if self.kind == "not null" else "its default"
        return f"Column {quote(plan.sides.new.column)} of {plan.table} has lost {what}."


class Front(StrEnum):
    """What has the name by which old code means a table that went aside."""

    #: The table did not go aside.
    UNWANTED = "unwanted"
    STANDS = "stands"
    #: Somebody dropped the view.
    MISSING = "missing"
    #: Something else than a view.
    TAKEN = "taken"


@dataclass(frozen=True)
class Live:
    """What the catalog and the statistics say now."""

    table_exists: bool
    front: Front = Front.UNWANTED
    #: Sentences on what is wrong with trigger, functions or columns; empty when sync is intact.
    sync_faults: tuple[str, ...] = ()
    #: Columns that the change needs and that are not there under their names.
    missing_columns: tuple[str, ...] = ()
    #: Sentences on them; `sync_faults` has them as well.
    column_faults: tuple[str, ...] = ()
    #: Sentences on columns of another type than the change was planned for; `sync_faults` has them as well.
    retyped: tuple[str, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    #: What the old column got after the plan was made: constraints, indexes, a default. None of it is on the
    #: new side.
    uncarried: tuple[str, ...] = ()
    #: What the old column had when the plan was made, and somebody dropped since. The new side has it still.
    went: tuple[str, ...] = ()
    #: What the new side had when it was ready, and somebody dropped since.
    lost: tuple[Lost, ...] = ()
    #: Rows of all leaves, as the last ANALYZE or VACUUM estimated them; None where one was never looked at.
    rows: int | None = None
    is_copy: bool = False
    #: What the table is called now; None where it is gone, or nobody looked.
    called: RelationName | None = None
    #: The other tables that the change works on, in the order of its plan; empty once it is over.
    others: tuple["Live", ...] = ()
