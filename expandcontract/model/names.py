"""Names as PostgreSQL writes them: quoting, qualified names, and names derived from other names. Pure."""

import hashlib
import re
from dataclasses import dataclass, replace

from expandcontract.model.errors import BadName

#: PostgreSQL cuts identifiers to NAMEDATALEN - 1 bytes (manual, "Lexical Structure").
MAX_BYTES = 63

#: The alias of a session's own schema for what is temporary.
TEMPORARY = "pg_temp"

#: Every keyword that PostgreSQL 18's quote_ident() quotes: all but the unreserved ones of pg_get_keywords().
KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer
    intersect interval into is isnull join json json_array json_arrayagg json_exists json_object
    json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least left
    like limit localtime localtimestamp merge_action national natural nchar none normalize not notnull null
    nullif numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905 - a hundred quotes would hide the words
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".\s]+))\s*')


def quote(identifier: str) -> str:
    """Return `identifier` as SQL, quoted only where the server's quote_ident() would quote it."""
    if _PLAIN.fullmatch(identifier) and identifier not in KEYWORDS:
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


#: Words of PL/pgSQL that SQL does not reserve, so that the server leaves them without quotes. Behind NEW or
#: OLD no field is found by them.
_WORDS_OF_BLOCKS = frozenset(
    {"begin", "by", "declare", "execute", "foreach", "if", "loop", "strict", "while"}
)


def of_row(row: str, column: str) -> str:
    """Return a column of a row as SQL, also for a block of PL/pgSQL. `row` is an alias, NEW or OLD."""
    return f'{row}."{column}"' if column in _WORDS_OF_BLOCKS else f"{row}.{quote(column)}"


def literal(text: str) -> str:
    """Return `text` as a SQL string constant, whatever standard_conforming_strings says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


#: Types that the grammar takes for those of pg_catalog: no search_path reaches them, and they take no schema.
_GRAMMAR_TYPES = frozenset(
    """
    bigint bit boolean char character dec decimal double float int integer interval national nchar numeric
    real smallint time timestamp varchar
    """.split()  # noqa: SIM905 - as above
)
_QUALIFIED = re.compile(r'(?:"(?:[^"]|"")+"|[^".\s\[(]+)\s*\.')
_WORD = re.compile(r"\w+")


def qualify_type(type_: str) -> str:
    """Return a type so that no search_path changes what it means: `text` becomes `pg_catalog.text`.

    `type_` is as format_type() writes it under an empty search_path. A session's pg_temp comes before
    pg_catalog for types, and anybody may make a domain there.
    """
    word = _WORD.match(type_)
    if _QUALIFIED.match(type_) or (word is not None and word[0] in _GRAMMAR_TYPES):
        return type_
    return f"pg_catalog.{type_}"


#: Without a length these mean a length of one.
_LENGTHLESS = {"character": "pg_catalog.bpchar", "char": "pg_catalog.bpchar", "bit": 'pg_catalog."bit"'}


def without_length(type_: str) -> str:
    """Return a type without its modifiers: with them a value that is too long is cut where it is cast,
    without them the column refuses it. `type_` is as format_type() or a user writes it.
    """
    bare = re.sub(r"\s*\(\s*\d+\s*(,\s*-?\d+\s*)?\)", "", type_)
    return re.sub(r"^(character|char|bit)(?=\[|$)", lambda word: _LENGTHLESS[word[1]], bare)


#: A constant, with or without a cast to one type, as the server writes a default.
_CONSTANT = re.compile(
    r"(?P<constant>'(?:[^'\\]|'')*'|-?\d+(?:\.\d+)?|\('?-?\d+(?:\.\d+)?'?\)|true|false|NULL)"
    r'(?:::(?P<type>[\w ".,()\[\]]+))?'
)


def qualify_constant(expression: str) -> str | None:
    """Return a constant with its type qualified, or None for what is more than a constant."""
    match = _CONSTANT.fullmatch(expression)
    if match is None:
        return None
    return match["constant"] + (f"::{qualify_type(match['type'])}" if match["type"] else "")


def dollar_quote(body: str) -> str:
    """Return `body` between dollar quotes whose tag does not occur in it."""
    tag = "$ec$"
    while tag in body:
        tag = f"{tag[:-1]}c$"
    return f"{tag}{body}{tag}"


def do(body: str) -> str:
    """Return a statement that runs a block of PL/pgSQL, whatever names are in it."""
    return f"DO {dollar_quote(f' {body} ')}"


def remark(text: str) -> str:
    """Return a comment. A name in it may hold a line break, which would end it."""
    return f"-- {' '.join(text.splitlines())}"


@dataclass(frozen=True, order=True)
class RelationName:
    """A table, index, function or sequence with its schema."""

    schema: str
    name: str

    @property
    def sql(self) -> str:
        """The name as SQL, always qualified, so that no search_path can change what it means."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    def __str__(self) -> str:
        return self.sql


def sync_schema(ledger_schema: str) -> str:
    """Return the schema of the functions that applications call; what is only tried is temporary."""
    return ledger_schema if ledger_schema == TEMPORARY else f"{ledger_schema}_sync"


@dataclass(frozen=True)
class Target:
    """What a user named: `[schema.]table.column`, a table alone, or an `index`, which leads to its table;
    where both have one name, it may be either. `schema` is None when it was left out.
    """

    schema: str | None
    table: str
    column: str = ""
    index: str = ""

    def __str__(self) -> str:
        index = "" if self.index == self.table else self.index
        parts = (self.schema, self.table, self.column, index)
        return ".".join(quote(part) for part in parts if part)


def split(text: str) -> tuple[str, ...]:
    """Split a dotted SQL name into its parts: unquoted parts fold to lower case, quoted ones are exact.

    Raises BadName when the text is not a name.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise BadName(
                f"{text!r} is not a name.",
                why='Names are written as in SQL: users.name, or "Guest Book"."Full Name".',
            )
        quoted, plain = match.groups()
        parts.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
        position = match.end()
        if position == len(text):
            return tuple(check(part) for part in parts)
        if text[position] != ".":
            raise BadName(f"{text!r} is not a name.", why=f"Expected a dot at {text[position:]!r}.")
        position += 1


def parse_target(text: str) -> Target:
    """Read `[schema.]table.column`. Raises BadName."""
    match split(text):
        case (table, column):
            return Target(None, table, column)
        case (schema, table, column):
            return Target(schema, table, column)
        case _:
            raise BadName(
                f"{text!r} does not name a column.", why="A column is written [schema.]table.column."
            )


def parse_table(text: str) -> Target:
    """Read `[schema.]table`. Raises BadName."""
    match split(text):
        case (table,):
            return Target(None, table)
        case (schema, table):
            return Target(schema, table)
        case _:
            raise BadName(f"{text!r} does not name a table.", why="A table is written [schema.]table.")


def parse_index(text: str) -> Target:
    """Read `[schema.]index`. Raises BadName."""
    match split(text):
        case (index,):
            return Target(None, "", index=index)
        case (schema, index):
            return Target(schema, "", index=index)
        case _:
            raise BadName(f"{text!r} does not name an index.", why="An index is written [schema.]index.")


def parse_index_or_table(text: str) -> Target:
    """Read `[schema.]name`. Raises BadName."""
    table = parse_table(text)
    return replace(table, index=table.table)


def parse_column(text: str) -> str:
    """Read the name of one column. Raises BadName."""
    match split(text):
        case (column,):
            return column
        case _:
            raise BadName(
                f"{text!r} is not the name of a column alone.", why="The new name takes no table or schema."
            )


def parse_columns(text: str) -> tuple[Target, tuple[str, ...]]:
    """Read `[schema.]table.column[,column...]`: the first column with its table, and all of them. Raises
    BadName.
    """
    first, *more = _listed(text)
    target = parse_target(first)
    return target, (target.column, *map(parse_column, more))


def parse_referred(text: str) -> tuple[Target, tuple[str, ...]]:
    """Read `[schema.]table[.column[,column...]]`: the table, and the columns. A name of two parts is a table
    with a column. Raises BadName.
    """
    first, *more = _listed(text)
    if len(split(first)) == 1:
        if more:
            raise BadName(f"{text!r} has columns, but no table.", why="Write table.column,column.")
        return parse_table(first), ()
    target = parse_target(first)
    return Target(target.schema, target.table), (target.column, *map(parse_column, more))


def _listed(text: str) -> list[str]:
    """Return the parts between commas that no quotes are around."""
    return re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', text)


def parse_name(text: str) -> str:
    """Read the new name of a table. Raises BadName."""
    match split(text):
        case (name,):
            return name
        case _:
            raise BadName(f"{text!r} is not a name alone.", why="The table stays in its schema.")


def check(identifier: str) -> str:
    """Return `identifier`, or raise BadName when PostgreSQL would cut or refuse it."""
    if len(identifier.encode()) > MAX_BYTES:
        raise BadName(
            f"{identifier!r} is {len(identifier.encode())} bytes long.",
            why=f"PostgreSQL cuts names to {MAX_BYTES} bytes in silence.",
        )
    if "\0" in identifier:
        raise BadName("A name cannot hold a zero byte.")
    return identifier


def shorten(name: str) -> str:
    """Cut `name` to 63 bytes; what is cut is replaced by a hash, so that two long names stay two names."""
    raw = name.encode()
    if len(raw) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:8]
    return raw[: MAX_BYTES - 9].decode(errors="ignore") + "_" + digest


def derived(name: str, old: str, new: str) -> str:
    """Return an object's name for the new column: `ix_users_name` becomes `ix_users_display_name`.

    The last occurrence of the column's name as a whole word is replaced (words end at `_` and other
    punctuation); where there is none, the new name is appended.
    """
    pattern = re.compile(rf"(?<![^\W_]){re.escape(old)}(?![^\W_])")
    matches = list(pattern.finditer(name))
    if not matches:
        return shorten(f"{name}_{new}")
    last = matches[-1]
    return shorten(name[: last.start()] + new + name[last.end() :])


def hidden_name(name: str) -> str:
    """Return what a column or a table is called while it is out of sight, sorted to the end."""
    return shorten(f"~ec_{name}")


def trigger_name(change: str) -> str:
    """Return the name of a change's trigger: it comes after those of the user, whatever they are called."""
    return shorten(f"~ec_{change}")


def first_trigger_name(change: str) -> str:
    """Return the name of the trigger that comes before those of the user: `!` sorts before whatever needs no
    quotes, and before most of what does.
    """
    return shorten(f"!ec_{change}")


def keeping_triggers(sync_trigger: str) -> tuple[str, str]:
    """Return the names of the triggers that a rollback puts beside a change's sync trigger: for values that
    only the new side holds, and for those which it does not hold any more.
    """
    return sync_trigger.replace("~ec_", "~er_", 1), sync_trigger.replace("~ec_", "~es_", 1)


def judging_trigger(sync_trigger: str) -> str:
    """Return the name of the trigger after a row that judges what does not fit: it sorts before those of the
    user.
    """
    return sync_trigger.replace("~ec_", "!es_", 1)


def slug(text: str) -> str:
    """Return `text` as the name of a folder: lower case words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "change"
