"""contract each of posts has a slug"""

from alembic import op

revision = "a3c"
down_revision = "a3"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("a3_set_not_null_posts_slug", soak="1d")


def downgrade():
    op.ec_undo("a3_set_not_null_posts_slug")
