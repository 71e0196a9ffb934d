"""each of posts has a slug"""

from alembic import op

revision = "a3"
down_revision = "a2c"
branch_labels = None
depends_on = None


def upgrade():
    # it would scan under a lock that stops everybody, and old code may still write NULL
    op.ec_start(
        "set-not-null",
        "posts.slug",
        fill="lower(title)",
        name="a3_set_not_null_posts_slug",
    )


def downgrade():
    op.ec_rollback("a3_set_not_null_posts_slug")
