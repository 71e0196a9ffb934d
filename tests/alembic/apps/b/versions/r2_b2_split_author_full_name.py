"""author.full_name is first_name and last_name"""

from alembic import op

revision = "b2"
down_revision = "b1c"
branch_labels = None
depends_on = None


def upgrade():
    # old code reads and writes the full name
    op.ec_start(
        "split-column",
        "author.full_name",
        into=[
            "first_name = split_part(full_name, ' ', 1)",
            "last_name = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)",
        ],
        back="first_name || ' ' || last_name",
        not_null=["first_name", "last_name"],
        name="b2_split_author_full_name",
    )


def downgrade():
    op.ec_rollback("b2_split_author_full_name")
