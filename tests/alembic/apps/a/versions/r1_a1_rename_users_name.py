"""users.name is display_name"""

from alembic import op

revision = "a1"
down_revision = "a0"
branch_labels = None
depends_on = None


def upgrade():
    # old code reads and writes the old name
    op.ec_start(
        "rename-column",
        "users.name",
        "display_name",
        names={"ix_users_name": "ix_users_display_name"},
        name="a1_rename_users_name",
    )


def downgrade():
    op.ec_rollback("a1_rename_users_name")
