"""Forward and back as functions: scalar, total, ending in a cast to the exact type."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName, dollar_quote, qualify_type, quote

#: Errors of the server, the session, the role or the code (a function or a table that is not there): the
#: value may be good.
_NOT_OF_THE_VALUE = (
    "insufficient_resources OR operator_intervention OR transaction_rollback OR invalid_transaction_state\n"
    "        OR syntax_error_or_access_rule_violation OR invalid_schema_name\n"
    "        OR object_not_in_prerequisite_state OR system_error OR internal_error"
)


@dataclass(frozen=True)
class Conversion:
    """An expression over the columns of one side, with their types, that yields a value of the other side.

    `expression` is what the server made of the user's text: qualified, and ending in a cast to `result`,
    typmod included (without it a row would be rewritten for ever). `total` says that it cannot raise an
    error; `immutable` is the server's own judgement. `settings`, name and value as SQL, are in force while it
    runs.
    """

    name: RelationName
    arguments: tuple[tuple[str, str], ...]
    result: str
    expression: str
    immutable: bool
    total: bool
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def partial(self) -> RelationName:
        """The function that may raise, where there is one."""
        return RelationName(self.name.schema, self.name.name + "!")


def create(conversion: Conversion) -> tuple[str, ...]:
    """Return the statements that make the function, executable by every role that may write the table.

    The standard body is parsed once, so no search_path changes its meaning, and pg_depend knows what it uses.
    Where the expression can raise, an outer function turns errors of a value into NULL, those that a function
    of the user raises among them: an error inside a trigger's WHEN would fail statements that never touched
    the column.
    """
    inner = conversion.name if conversion.total else conversion.partial
    # They keep the function from being inlined: about 2 us a call, where there are any.
    settings = "".join(f"SET {name} = {value} " for name, value in conversion.settings)
    body = f"{settings}BEGIN ATOMIC SELECT {conversion.expression}; END"
    statements = [*_function(conversion, inner, body, "sql")]
    if not conversion.total:
        body = dollar_quote(
            f"\nBEGIN\n    RETURN {inner.sql}({_numbered(conversion)});\n"
            f"EXCEPTION\n    WHEN {_NOT_OF_THE_VALUE} THEN\n        RAISE;\n"
            "    WHEN OTHERS THEN\n        RETURN NULL;\nEND\n"
        )
        statements += _function(conversion, conversion.name, f"AS {body}", "plpgsql")
    return tuple(statements)


def _numbered(conversion: Conversion) -> str:
    return ", ".join(f"${number}" for number, _ in enumerate(conversion.arguments, 1))


def _function(conversion: Conversion, name: RelationName, body: str, language: str) -> tuple[str, str]:
    volatility = "IMMUTABLE" if conversion.immutable else "VOLATILE"
    # A block with EXCEPTION starts a subtransaction, which a parallel worker cannot.
    safety = "SAFE" if conversion.immutable and language == "sql" else "UNSAFE"
    types = ", ".join(qualify_type(type_) for _, type_ in conversion.arguments)
    named = ", ".join(f"{quote(column)} {qualify_type(type_)}" for column, type_ in conversion.arguments)
    signature = f"{name.sql}({named}) RETURNS {qualify_type(conversion.result)}"
    return (
        f"CREATE OR REPLACE FUNCTION {signature} LANGUAGE {language} {volatility} PARALLEL {safety} {body}",
        f"GRANT EXECUTE ON FUNCTION {name.sql}({types}) TO PUBLIC",
    )


def drop(conversion: Conversion) -> tuple[str, ...]:
    """Return the statements that remove the function, whether or not it is there."""
    names = [conversion.name] if conversion.total else [conversion.name, conversion.partial]
    types = ", ".join(type_ for _, type_ in conversion.arguments)
    return tuple(f"DROP FUNCTION IF EXISTS {name.sql}({types})" for name in names)
