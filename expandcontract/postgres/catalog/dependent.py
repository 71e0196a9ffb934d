"""What else in the database depends on a column, or names it in text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnDependent:
    """Something that depends on `column`.

    `kind` is one of: view, materialized view, rule, policy, generated column, trigger, publication, statistics, function (a standard body, by pg_depend), function body
    (text that names the column). `name` is SQL. `definition` is what would make it anew, where the kind needs it (statistics: CREATE STATISTICS; publication: its column list as SQL).
    """

    kind: str
    name: str
    column: str
    definition: str = ""
    columns: tuple[str, ...] = ()
