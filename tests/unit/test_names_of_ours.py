"""Names that begin like what `ec` makes for itself are nobody's: what has one is taken for ours later."""

from typing import Any

import pytest

from expandcontract.engine import planner
from expandcontract.model.change import Change
from expandcontract.model.errors import NameTaken
from tests.property import kept_catalogs
from tests.property.kept_catalogs import Kept

KEPT = kept_catalogs.read()
#: By kind, the field that names what the change makes.
MAKES = {
    "rename-column": "new_name",
    "transform-column": "to",
    "change-type": "to",
    "rename-table": "new_name",
    "rename-constraint": "new",
    "add-check": "name",
    "add-foreign-key": "name",
    "add-unique": "name",
    "add-primary-key": "name",
    "add-index": "name",
    "replace-index": "name",
    "split-column": "into",
    "merge-columns": "into",
    "add-column": "column",
}


def _named(kept: Kept, name: str) -> dict[str, Any]:
    fields, field = dict(kept.fields), MAKES[kept.kind]
    value: Any = name
    if field == "into":
        value = f"{name} text = 'x'"
        value = [value, *fields["into"][1:]] if kept.kind == "split-column" else value
    if field == "column":
        value = f"{fields['column'].rpartition('.')[0]}.{name}"
    if kept.kind == "change-type":
        fields.pop("swap", None)
    return {**fields, field: value}


@pytest.mark.parametrize(
    "kept", [each for each in KEPT if each.kind in MAKES], ids=lambda kept: f"{kept.kind}-{KEPT.index(kept)}"
)
def test_what_a_change_makes_is_not_named_like_ours(kept: Kept) -> None:
    """Whichever kind makes it, and whatever it is: it is refused when it is planned."""
    change = Change("0001", kept.kind, _named(kept, '"~ec_x"'))
    with pytest.raises(NameTaken, match='"~ec_x" begins like what ec makes for itself'):
        planner.compose(change, kept.catalog, "expandcontract")
