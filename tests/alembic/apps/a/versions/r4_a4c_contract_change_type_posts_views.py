"""contract posts.views is a bigint"""

from alembic import op

revision = "a4c"
down_revision = "a4"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("a4_change_type_posts_views", soak="1d")


def downgrade():
    op.ec_undo("a4_change_type_posts_views")
