"""An index as a user describes it, and what the server makes of that."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import Field

from expandcontract.changes import preflight
from expandcontract.changes.kind import Spec
from expandcontract.model.chosen_names import chosen
from expandcontract.model.errors import BadExpression, NameTaken, UnsupportedShape
from expandcontract.model.names import check, parse_column, quote
from expandcontract.model.notes import Note
from expandcontract.postgres.catalog.index import Index
from expandcontract.postgres.catalog.snapshot import Snapshot
from expandcontract.postgres.clone import Answer, Answers, Trial
from expandcontract.steps import indexes
from expandcontract.steps.indexes import Standing

_CLONE = "pg_temp.ec_clone"
#: How many of many are named in a sentence.
_NAMED = 3
#: The index of the clone, after a word for what the row is: its name, its definition from the access method
#: on, its predicate, what its key is made of as JSON, and one row for each column that it uses, those that
#: are listed first.
_MADE = f"""
SELECT 'made', c.relname::text,
       pg_catalog.substr(d.text, pg_catalog.strpos(d.text, ' ON {_CLONE} USING ')
                                 + pg_catalog.length(' ON {_CLONE} USING ')),
       pg_catalog.pg_get_expr(i.indpred, i.indrelid),
       pg_catalog.to_json(ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, n, false)
                                FROM pg_catalog.generate_series(1, i.indnkeyatts) n))::text,
       used.name
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_indexdef(i.indexrelid)) AS d(text)
LEFT JOIN LATERAL (
    SELECT a.attname::text AS name, pg_catalog.array_position(i.indkey::int2[], a.attnum) AS at
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND (
        a.attnum = ANY (i.indkey::int2[])
        OR EXISTS (SELECT FROM pg_catalog.pg_depend p
                   WHERE p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.objid = i.indexrelid
                     AND p.refclassid = p.classid AND p.refobjid = i.indrelid AND p.refobjsubid = a.attnum))
) used ON true
WHERE i.indrelid = '{_CLONE}'::pg_catalog.regclass
ORDER BY used.at NULLS LAST, used.name
"""


class IndexWords(Spec):
    """What may be said of an index beside what it is on."""

    name: str | None = Field(default=None, description="Its name [as PostgreSQL would choose it]")
    method: str = Field(default="btree", description="Its access method: gin, gist, brin, hash, ...")
    where: str | None = Field(
        default=None, description="Only rows of which this is true", json_schema_extra={"metavar": "EXPR"}
    )
    include: str | None = Field(
        default=None,
        description="Columns that it holds and does not sort by",
        json_schema_extra={"metavar": "COLUMNS"},
    )
    nulls_not_distinct: bool = Field(default=False, description="NULLs are equal to each other")
    storage: str | None = Field(
        default=None,
        description="Storage parameters: fillfactor = 70, ...",
        json_schema_extra={"metavar": "PARAMETERS"},
    )
    tablespace: str | None = Field(default=None, description="Where it lies")


def trial(words: IndexWords, on: str, *, unique: bool) -> Trial:
    """Return what is asked of the clone for an index on columns and expressions as the user wrote them.

    Raises BadName.
    """
    method = quote(parse_column(words.method))
    parts = (
        f"CREATE {'UNIQUE ' if unique else ''}INDEX ON {_CLONE} USING {method} ({on})",
        f"INCLUDE ({words.include})" if words.include else "",
        "NULLS NOT DISTINCT" if words.nulls_not_distinct else "",
        f"WITH ({words.storage})" if words.storage else "",
        f"TABLESPACE {quote(parse_column(words.tablespace))}" if words.tablespace is not None else "",
        f"WHERE {words.where}" if words.where else "",
    )
    return Trial((" ".join(filter(None, parts)),), _MADE, f"the index on ({on})")


@dataclass(frozen=True)
class Asked:
    """The index that was asked for, as the server writes it, with the columns that it uses, and the columns
    and expressions of its key.
    """

    index: Standing
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    notes: tuple[Note, ...]


def read(
    words: IndexWords,
    snapshot: Snapshot,
    answer: Answer,
    *,
    unique: bool,
    label: str = "idx",
    told: bool = True,
) -> Asked:
    """Return what the clone made of a trial. Without --name it is called after the table, its columns where
    they are `told`, and the label.

    Raises:
        BadExpression: no column is named.
        NameTaken: something else has the name, or the very index is there.
        UnsupportedShape: a tablespace for the indexes of partitions.
    """
    if not isinstance(answer, Answers):
        raise TypeError(f"The clone was asked something else: {answer!r}")
    rows = [row[1:] for row in answer.rows if row[0] == "made"]
    columns = tuple(row[4] for row in rows if row[4] is not None)
    if not columns:
        raise BadExpression(
            "The index names no column.",
            why="It would hold the same value for every row.",
            state="Nothing was changed.",
        )
    made, definition, predicate, keys, _ = rows[0]
    foreign = [leaf.name.sql for leaf in snapshot.relation.leaves if leaf.foreign]
    if unique and foreign:
        raise UnsupportedShape(
            f"{snapshot.table} has foreign partitions: {', '.join(foreign)}.",
            why="PostgreSQL keeps no rows unique that are on another server.",
        )
    if words.tablespace and snapshot.relation.partitioned:
        raise UnsupportedShape(
            f"{snapshot.table} is partitioned: its index cannot be given a tablespace.",
            why="Those of the partitions, which hold the rows, are built in the default tablespace.",
            next="Leave --tablespace out; ALTER INDEX ... SET TABLESPACE moves one of them later.",
        )
    addition = str(made).removeprefix("ec_clone_").rpartition("_")[0] if told else ""
    same = [each for each in snapshot.indexes if (each.definition, each.unique) == (definition, unique)]
    name = _name(words, snapshot, same, addition, label)
    index = replace(
        indexes.planned(snapshot, name, str(definition), unique=unique),
        predicate=predicate,
        tablespace=None if words.tablespace is None else parse_column(words.tablespace),
    )
    _examine_leaves(snapshot, index)
    return Asked(index, columns, tuple(json.loads(str(keys))), tuple(_notes(snapshot, index, same)))


def _name(words: IndexWords, snapshot: Snapshot, same: list[Index], addition: str, label: str) -> str:
    """Return what it is called. What a build that failed left under the name is built anew."""
    table, taken = snapshot.table, snapshot.taken_names
    first = chosen(table.name, addition, label, ())
    broken = {each.name for each in same if not each.valid}
    if words.name is None:
        return first if first in broken else chosen(table.name, addition, label, taken)
    name = check(parse_column(words.name))
    preflight.examine_not_ours(name)
    if name in taken and name not in broken:
        there = next((each for each in snapshot.indexes if each.name == name), None)
        raise NameTaken(
            f"There is a {quote(name)} in schema {quote(table.schema)} already.",
            why=f"It is an index of {table}: {there.definition}."
            if there
            else "An index needs a name of its own.",
            state="Nothing was changed.",
            next="Give another one with --name",
        )
    return name


def _examine_leaves(snapshot: Snapshot, index: Standing) -> None:
    for each in index.parts:
        if each.table.schema == snapshot.table.schema and each.name in snapshot.taken_names:
            raise NameTaken(
                f"There is a {quote(each.name)} in schema {quote(each.table.schema)} already.",
                why=f"The index of partition {each.table} would be called so.",
                state="Nothing was changed.",
                next="Give another one with --name",
            )


def _notes(snapshot: Snapshot, index: Standing, same: list[Index]) -> Iterator[Note]:
    table = snapshot.table
    for each in same:
        if each.valid:
            yield Note.hazard(
                "same-index",
                f"Index {quote(each.name)} of {table} is the same already: {each.definition}.",
                about=each.name,
            )
        elif each.name == index.name:
            yield Note(
                "leftover",
                f"{quote(each.name)} is there and invalid, left by a build that failed: it is built anew.",
            )
    children = [leaf.name for leaf in snapshot.relation.leaves if leaf.name != table]
    if children and not snapshot.relation.partitioned:
        named = ", ".join(map(str, children[:_NAMED])) + (", ..." if len(children) > _NAMED else "")
        yield Note("children", f"Children by inheritance have indexes of their own and get none: {named}.")
