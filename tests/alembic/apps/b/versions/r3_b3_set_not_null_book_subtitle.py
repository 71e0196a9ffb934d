"""each of book has a subtitle"""

from alembic import op

revision = "b3"
down_revision = "b2c"
branch_labels = None
depends_on = None


def upgrade():
    # it would scan under a lock that stops everybody, and old code may still write NULL
    op.ec_start(
        "set-not-null",
        "book.subtitle",
        fill="lower(title)",
        name="b3_set_not_null_book_subtitle",
    )


def downgrade():
    op.ec_rollback("b3_set_not_null_book_subtitle")
