"""contract users.name is display_name"""

from alembic import op

revision = "a1c"
down_revision = "a1"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("a1_rename_users_name", soak="1d")


def downgrade():
    op.ec_undo("a1_rename_users_name")
