"""contract users.full_name is first_name and last_name"""

from alembic import op

revision = "a2c"
down_revision = "a2"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("a2_split_users_full_name", soak="1d")


def downgrade():
    op.ec_undo("a2_split_users_full_name")
