"""posts.mood goes"""

from alembic import op

revision = "a5"
down_revision = "a4c"
branch_labels = None
depends_on = None


def upgrade():
    # old code reads and writes it
    op.ec_start(
        "drop-column",
        "posts.mood",
        name="a5_drop_posts_mood",
    )


def downgrade():
    op.ec_rollback("a5_drop_posts_mood")
