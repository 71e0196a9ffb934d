"""contract book.sold is a bigint"""

from alembic import op

revision = "b4c"
down_revision = "b4"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("b4_change_type_book_sold", soak="1d")


def downgrade():
    op.ec_undo("b4_change_type_book_sold")
