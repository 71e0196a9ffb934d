"""book.sold is a bigint"""

from alembic import op

revision = "b4"
down_revision = "b3c"
branch_labels = None
depends_on = None


def upgrade():
    # PostgreSQL would write the table anew under a lock that stops everybody
    op.ec_start(
        "change-type",
        "book.sold",
        type="BIGINT",
        swap=True,
        name="b4_change_type_book_sold",
    )


def downgrade():
    op.ec_rollback("b4_change_type_book_sold")
