"""A table that a statement of the user makes: which one, and what PostgreSQL locks for it."""

import re
from collections.abc import Iterator

from expandcontract.changes import preflight
from expandcontract.model import sql_words
from expandcontract.model.errors import BadExpression, NameTaken, UnsupportedShape
from expandcontract.model.names import RelationName, Target, literal, parse_table, quote
from expandcontract.model.notes import Note
from expandcontract.model.site import Site
from expandcontract.model.step import LockMode, Step, Transactional
from expandcontract.postgres.new_table import Made
from expandcontract.postgres.owner_rights import LEAVING_PATH
from expandcontract.steps import tables

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CREATE = re.compile(
    rf"\s*CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME}(?:\s*\.\s*{_NAME})*)\s*"
    r"(?P<next>\w*)",
    re.IGNORECASE,
)
#: What stops nobody, or those alone who alter or vacuum the table.
_HARMLESS = "ShareUpdateExclusiveLock"
#: What a foreign key takes on the table that it refers to: that one can be read, and not written.
_OF_A_KEY = "ShareRowExclusiveLock"


def statement(text: str) -> str:
    """Return the statement so that another one may follow it. Raises what `named` raises."""
    named(text)
    alone = text.strip().rstrip(";").strip()
    # Of what may be a comment nobody but the server knows where it ends.
    return f"{alone}\n" if "--" in alone else alone


def named(text: str) -> Target:
    """Return the table that the text makes, as it names it; what it is the server says later. Raises BadName,
    and BadExpression for what is no CREATE TABLE that is done at once.
    """
    match = _CREATE.match(sql_words.without_comments(text))
    if match is None:
        raise BadExpression(
            "The statement is no CREATE TABLE.", why="One statement is taken, as psql would take it."
        )
    following = match["next"].lower()
    if following in ("as", "partition"):
        raise UnsupportedShape(
            f"CREATE TABLE ... {'AS' if following == 'as' else 'PARTITION OF'} is not done at once.",
            why="It is done with the rows, or under a lock that stops who reads the parent.",
            next="CREATE TABLE by itself; then ATTACH PARTITION, or an INSERT in batches",
        )
    return parse_table(re.sub(r"\s*\.\s*", ".", match["name"]))


def examined(made: Made | None, target: Target) -> Made:
    """Return what was made. Raises NameTaken where nothing was, or under a name like ours, and
    UnsupportedShape for what no other session sees, what is part of another table, and what stops who reads
    another.
    """
    if made is None:
        raise NameTaken(f"{target} is there already.", why="IF NOT EXISTS leaves it as it is.")
    preflight.examine_not_ours(made.table.name)
    if made.persistence == "t":
        raise UnsupportedShape(f"{made.table} would be temporary.", why="No other session could see it.")
    for parent in made.parents:
        raise UnsupportedShape(
            f"{made.table} would be a part of {parent}.",
            why="A change of the one would be a change of the other. Create it by itself first.",
        )
    for table, modes in made.locked.items():
        for mode in {*modes} - {_HARMLESS, _OF_A_KEY}:
            raise UnsupportedShape(
                f"PostgreSQL takes {mode} on {table} for it.", why="Who uses that table would have to wait."
            )
    return made


def create(made: Made, text: str) -> Step:
    """Return the step that makes it, along the search_path by which the server understood it."""
    path = f"SELECT pg_catalog.set_config('search_path', {literal(_path(made))}, true)"
    locks = tables.locks(LockMode.SHARE_ROW_EXCLUSIVE, *keyed(made))
    action = Transactional((path, statement(text), LEAVING_PATH), locks)
    return Step("create", "+", f"create {made.table}", action)


def keyed(made: Made) -> list[RelationName]:
    """Return the tables that nobody writes while it is made."""
    return [table for table, modes in made.locked.items() if _OF_A_KEY in modes]


def sites(made: Made) -> tuple[Site, ...]:
    """Return the tables to which it refers; one that is dropped is not missed."""
    return tuple(Site(table, uses=columns, may_go=True) for table, columns in made.refers.items())


def notes(made: Made) -> Iterator[Note]:
    """Yield what is said of foreign keys."""
    for table, columns in made.refers.items():
        yield Note(
            "foreign-key",
            f"A foreign key refers to {', '.join(map(quote, columns))} of {table}, which is locked for a "
            "moment while it is made, and when a rollback drops it.",
        )


def _path(made: Made) -> str:
    return ", ".join(filter(None, (made.path, "pg_temp")))
