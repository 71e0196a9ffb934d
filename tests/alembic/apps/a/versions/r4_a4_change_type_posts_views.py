"""posts.views is a bigint"""

from alembic import op

revision = "a4"
down_revision = "a3c"
branch_labels = None
depends_on = None


def upgrade():
    # PostgreSQL would write the table anew under a lock that stops everybody
    op.ec_start(
        "change-type",
        "posts.views",
        type="BIGINT",
        swap=True,
        name="a4_change_type_posts_views",
    )


def downgrade():
    op.ec_rollback("a4_change_type_posts_views")
