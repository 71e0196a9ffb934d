"""What revisions say of changes, read from their files without running them."""

import pytest

from expandcontract.alembic.revisions import Operation, Revision, read

STARTS = """
from alembic import op

def upgrade():
    # Old and new code both run from here on.
    op.ec_start("rename-column", "users.name", "display_name", name="4f_rename", acknowledge=["upsert"])

def downgrade():
    op.ec_rollback("4f_rename")
"""


def faults(source: str) -> list[str]:
    """Return what is wrong, with the lines."""
    return [f"{fault.line} {fault.text}" for fault in read(source).faults]


def up(body: str) -> Revision:
    """Return what a file says whose upgrade is this."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return read(f"def upgrade():\n{lines}\n")


def test_what_a_revision_does_is_read_from_its_file() -> None:
    """Its operations with their words and options, in both directions, and the change's name."""
    revision = read(STARTS, id="4f", below=("3e",))
    (start,), (rollback,) = revision.up.ours, revision.down.ours
    assert (start.operation, start.words) == (
        Operation.START,
        ("rename-column", "users.name", "display_name"),
    )
    assert start.options == {"name": "4f_rename", "acknowledge": ["upsert"]}
    assert start.change == rollback.change == "4f_rename"
    assert not list(revision.faults)


def test_a_revision_without_ours_is_anything() -> None:
    """Whatever else stands in it is none of our business, and it is not even parsed."""
    revision = up("for table in tables:\n    op.drop_table(table)\nsomething()")
    assert not revision.up.ours
    assert not list(revision.faults)
    assert not read("upgrade(:").up.ours


def test_what_else_a_revision_does_is_known_where_it_matters() -> None:
    """On which lines something stands beside an operation of ours, and whether a downgrade refuses."""
    mixed = read("def upgrade():\n  op.ec_undo('a')\n  other()\n\ndef downgrade():\n  raise Gone\n")
    assert mixed.up.others == (3,)
    assert mixed.down.refuses
    assert mixed.down.line == 5


def test_a_file_without_a_direction_has_none() -> None:
    """A revision that cannot be taken back may leave `downgrade` out."""
    assert not read("revision = 'a'").up.ours


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("op.ec_undo('a')\nop.drop_table('t')", "3 stands beside an operation of ec"),
        ("op.ec_undo('a')\nop.ec_undo('b')", "3 is a second operation of ec"),
        ("op.ec_undo(NAME)", "2 gives ec_undo something that is no literal"),
        ("op.ec_undo(*names)", "2 gives ec_undo something that is no literal"),
        ("op.ec_undo(**names)", "2 gives ec_undo something that is no literal"),
        ("if fresh:\n    op.ec_undo('a')", "3 calls ec_undo where reading the file does not show"),
        ("done = op.ec_undo('a')", "2 calls ec_undo where reading the file does not show"),
    ],
)
def test_what_cannot_be_gone_on_with_is_a_fault(body: str, fault: str) -> None:
    """Beside something else, twice, or with what only running the file would tell."""
    found = [f"{each.line} {each.text}" for each in up(body).faults]
    assert any(each.startswith(fault) for each in found), found


def test_comments_docstrings_and_pass_are_nothing() -> None:
    """They do not make a revision a mixed one."""
    assert not list(up('"""Why."""\n# how\nop.ec_undo("a")\npass').faults)
