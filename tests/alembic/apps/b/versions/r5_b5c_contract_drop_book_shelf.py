"""contract book.shelf goes"""

from alembic import op

revision = "b5c"
down_revision = "b5"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("b5_drop_book_shelf", soak="1d")


def downgrade():
    op.ec_undo("b5_drop_book_shelf")
