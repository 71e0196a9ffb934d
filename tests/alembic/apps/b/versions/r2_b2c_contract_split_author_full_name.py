"""contract author.full_name is first_name and last_name"""

from alembic import op

revision = "b2c"
down_revision = "b2"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("b2_split_author_full_name", soak="1d")


def downgrade():
    op.ec_undo("b2_split_author_full_name")
