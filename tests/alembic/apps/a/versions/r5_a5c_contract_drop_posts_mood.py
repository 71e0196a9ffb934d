"""contract posts.mood goes"""

from alembic import op

revision = "a5c"
down_revision = "a5"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("a5_drop_posts_mood", soak="1d")


def downgrade():
    op.ec_undo("a5_drop_posts_mood")
