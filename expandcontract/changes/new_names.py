"""Names that the user chose for indexes and constraints that go along with a column."""

from expandcontract.changes import preflight
from expandcontract.model.errors import NameTaken, NoSuchObject
from expandcontract.model.names import quote, split
from expandcontract.steps.carry import Subject


def examine(subject: Subject) -> None:
    """Raise NoSuchObject for a name that nothing has which goes along, and NameTaken for one that something
    else has. What takes over the old one's own name gets it at contract.
    """
    snapshot = subject.snapshot
    statistics = {split(each.name)[-1] for each in snapshot.dependents if each.kind == "statistics"}
    known = {*subject.carried} - statistics - {subject.not_null_name, *subject.left}
    for old, new in subject.names.items():
        if old not in known:
            raise NoSuchObject(
                f"No index or constraint {quote(old)} of {snapshot.table} goes along with "
                f"{quote(subject.column.name)}.",
                why=f"These do: {', '.join(map(quote, sorted(known)))}.",
                state="Nothing was changed.",
            )
        preflight.examine_not_ours(new)
        others = [each for each, name in subject.names.items() if name == new and each != old]
        if others or (new != old and new in snapshot.taken_names):
            raise NameTaken(
                f"There is a {quote(new)} in schema {quote(snapshot.table.schema)} already, or about to be.",
                why=f"{quote(old)} cannot be called so until that is gone.",
                state="Nothing was changed.",
                next="Choose another name",
            )
