"""contract each of book has a subtitle"""

from alembic import op

revision = "b3c"
down_revision = "b3"
branch_labels = None
depends_on = None


def upgrade():
    op.ec_contract("b3_set_not_null_book_subtitle", soak="1d")


def downgrade():
    op.ec_undo("b3_set_not_null_book_subtitle")
