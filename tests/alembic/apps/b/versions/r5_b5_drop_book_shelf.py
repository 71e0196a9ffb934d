"""book.shelf goes"""

from alembic import op

revision = "b5"
down_revision = "b4c"
branch_labels = None
depends_on = None


def upgrade():
    # old code reads and writes it
    op.ec_start(
        "drop-column",
        "book.shelf",
        name="b5_drop_book_shelf",
    )


def downgrade():
    op.ec_rollback("b5_drop_book_shelf")
