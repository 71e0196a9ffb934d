"""author.pen_name is alias"""

from alembic import op

revision = "b1"
down_revision = "b0"
branch_labels = None
depends_on = None


def upgrade():
    # old code reads and writes the old name
    op.ec_start(
        "rename-column",
        "author.pen_name",
        "alias",
        names={"ix_author_pen_name": "ix_author_alias"},
        name="b1_rename_author_pen_name",
    )


def downgrade():
    op.ec_rollback("b1_rename_author_pen_name")
