"""The folder of a plan: what is written is read back."""

from pathlib import Path

from expandcontract.engine import plan_files
from expandcontract.model.change import Change

FIELDS = {
    "column": "users.name",
    "new_name": "display_name",
    "names": {"ix_users_name": 'ix "of" = users', "Ünïque": "users_key"},
}


def test_names_by_names_are_read_back(tmp_path: Path) -> None:
    """A field of several names with what each becomes is a table in TOML, whatever the names are."""
    change = Change("0001_rename", "rename-column", FIELDS)
    written = plan_files.change_text(change)
    folder = tmp_path / change.name
    folder.mkdir()
    (folder / plan_files.FILE).write_text(written, encoding="utf-8")
    assert plan_files.read(folder).change == change
