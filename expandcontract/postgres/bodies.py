"""What an expression's own functions rest on beside their arguments, read from their bodies.

PostgreSQL believes a function's label. A wrapper that is declared immutable and reads a table, or a setting
of the session, would make another value of the same row in another session, and an unrelated UPDATE would
move what is there. This errs on the side of doubt: what is doubted is filled once, not held in sync by
comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from expandcontract.model.sql_words import tokens
from expandcontract.postgres.query import rows

#: What reads the session, the clock or whatever a text says, without being a function's name.
_WORDS = frozenset(
    """
    execute current_date current_time current_timestamp localtime localtimestamp current_user session_user
    current_role current_catalog current_schema
    """.split()  # noqa: SIM905 - a dozen quotes would hide the words
)

#: $1 functions as regprocedure text. Those of C and of the server itself are believed.
_FUNCTIONS = """
SELECT p.oid::pg_catalog.regprocedure::text,
       CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_catalog.pg_get_function_sqlbody(p.oid) END,
       p.prosqlbody IS NOT NULL OR EXISTS (
           SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%'),
       ARRAY(SELECT t.typname::text FROM unnest(p.proargtypes::oid[] || p.prorettype) AS used
             JOIN pg_catalog.pg_type t ON t.oid = used)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid = ANY ($1::text[]::pg_catalog.regprocedure[]) AND l.lanname NOT IN ('c', 'internal')
"""

#: $1 words. What of them names something whose value depends on more than its arguments: a function without
#: an immutable overload, a type that is read or written by the session's settings, a table.
_MUTABLE = """
SELECT proname::text FROM pg_catalog.pg_proc WHERE proname::text = ANY ($1::text[])
GROUP BY proname HAVING bool_and(provolatile <> 'i')
UNION
SELECT t.typname::text FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_proc p ON p.oid IN (t.typinput, t.typoutput)
WHERE t.typname::text = ANY ($1::text[]) AND t.typtype = 'b' AND t.typelem = 0 AND p.provolatile <> 'i'
UNION
SELECT relname::text FROM pg_catalog.pg_class
WHERE relname::text = ANY ($1::text[]) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND $2
"""

#: $1 words. The functions of those names that somebody made.
_CALLED = """
SELECT DISTINCT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p
WHERE p.proname::text = ANY ($1::text[]) AND p.oid >= 16384
"""


@dataclass(frozen=True)
class Rests:
    """What functions rest on. `mutable` are names that are no constant; `pathless` the functions whose own
    text is looked up along the search_path of whoever calls them.
    """

    mutable: tuple[str, ...] = ()
    pathless: tuple[str, ...] = ()


async def examine(conn: AsyncConnection, functions: Sequence[str]) -> Rests:
    """Read the bodies of functions (as regprocedure text), and of those that they name."""
    mutable: set[str] = set()
    pathless: set[str] = set()
    known: set[str] = set()
    waiting = set(functions)
    while waiting:
        found = await rows(conn, _FUNCTIONS, sorted(waiting))
        known |= waiting
        waiting = set()
        for name, body, settled, types in found:
            if not settled and name in functions:
                pathless.add(str(name))
            words = set(tokens(str(body)))
            mutable |= words & _WORDS
            named = sorted(words | set(types))
            mutable |= {str(word) for (word,) in await rows(conn, _MUTABLE, named, "from" in words)}
            waiting |= {str(each) for (each,) in await rows(conn, _CALLED, sorted(words))}
        waiting -= known
    return Rests(tuple(sorted(mutable)), tuple(sorted(pathless)))
