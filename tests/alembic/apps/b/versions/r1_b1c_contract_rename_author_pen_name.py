"""contract author.pen_name is alias"""

from alembic import op

revision = "b1c"
down_revision = "b1"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("b1_rename_author_pen_name", soak="1d")


def downgrade():
    op.ec_undo("b1_rename_author_pen_name")
