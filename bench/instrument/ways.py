"""What the usual guides have people write into a revision, and what does the same with `ec`. Pure data."""

from dataclasses import dataclass

ADD_AND_UPDATE = """
op.add_column("users", sa.Column("display_name", sa.Text(), nullable=True))
op.execute("UPDATE users SET display_name = name")
op.alter_column("users", "display_name", nullable=False)
"""
OFFSET_LOOP = """
op.add_column("users", sa.Column("display_name", sa.Text(), nullable=True))
read = sa.text("SELECT id, name FROM users ORDER BY id LIMIT 1000 OFFSET :offset")
write = sa.text("UPDATE users SET display_name = :name WHERE id = :id")
connection, offset = op.get_bind(), 0
while rows := connection.execute(read, {"offset": offset}).all():
    for row in rows:
        connection.execute(write, {"id": row.id, "name": row.name})
    offset += len(rows)
op.alter_column("users", "display_name", nullable=False)
"""
RENAME = 'op.ec_start("rename-column", "users.name", "display_name", name="{name}", inline="5h")'


@dataclass(frozen=True)
class Way:
    """What is done, how a revision does it, and whether a second one contracts it."""

    what: str
    how: str
    body: str
    contracts: bool = False


#: Those that do the same stand together: first the guides', then that of `ec`.
WAYS = (
    Way("another name", "add the column, UPDATE, NOT NULL", ADD_AND_UPDATE),
    Way("another name", "the same row by row, LIMIT and OFFSET", OFFSET_LOOP),
    Way("another name", "`ec_start`, until both sides are ready", RENAME),
    Way("int to bigint", "ALTER TYPE", 'op.alter_column("users", "visits", type_=sa.BigInteger())'),
    Way(
        "int to bigint",
        "`ec_start`, `ec_contract`",
        'op.ec_start("change-type", "users.visits", type="bigint", swap=True, name="{name}", inline="5h")',
        contracts=True,
    ),
    Way("NOT NULL", "SET NOT NULL", 'op.alter_column("users", "email", nullable=False)'),
    Way(
        "NOT NULL",
        "`ec_start`, `ec_contract`",
        'op.ec_start("set-not-null", "users.email", name="{name}", inline="5h")',
        contracts=True,
    ),
    Way("an index", "CREATE INDEX", 'op.create_index("ix_users_at", "users", ["at"])'),
    Way(
        "an index",
        "`ec_run`",
        'op.ec_run("add-index", "users", "at", name="{name}")',
    ),
)
