"""Forward and back as functions: scalar, total, ending in a cast to the exact type."""

from dataclasses import dataclass

from expandcontract.model.names import RelationName, dollar_quote, quote


@dataclass(frozen=True)
class Conversion:
    """An expression over one column that yields the other side's value.

    `expression` is what the server made of the user's text: qualified, and ending in a cast to `result`, typmod included (without it a row would be rewritten for ever).
    `total` says that it cannot raise an error; `immutable` is the server's own judgement.
    """

    name: RelationName
    column: str
    argument: str
    result: str
    expression: str
    immutable: bool
    total: bool

    @property
    def partial(self) -> RelationName:
        """The function that may raise, where there is one."""
        return RelationName(self.name.schema, self.name.name + "!")


def create(conversion: Conversion) -> tuple[str, ...]:
    """Return the statements that make the function, executable by every role that may write the table.

    The standard body is parsed once, so no search_path changes its meaning, and pg_depend knows what it uses. Where the expression can raise, an outer function turns
    data errors into NULL: an error inside a trigger's WHEN would fail statements that never touched the column.
    """
    volatility = "IMMUTABLE" if conversion.immutable else "VOLATILE"
    inner = conversion.name if conversion.total else conversion.partial
    safety = "PARALLEL SAFE" if conversion.immutable else "PARALLEL UNSAFE"
    statements = [
        f"CREATE OR REPLACE FUNCTION {inner.sql}({quote(conversion.column)} {conversion.argument}) RETURNS {conversion.result} "
        f"LANGUAGE sql {volatility} {safety} BEGIN ATOMIC SELECT {conversion.expression}; END",
        f"GRANT EXECUTE ON FUNCTION {inner.sql}({conversion.argument}) TO PUBLIC",
    ]
    if not conversion.total:
        body = dollar_quote(
            f"\nBEGIN\n    RETURN {inner.sql}($1);\n"
            "EXCEPTION WHEN data_exception OR integrity_constraint_violation OR cannot_coerce THEN\n    RETURN NULL;\nEND\n"
        )
        statements += [
            # PARALLEL UNSAFE: a block with EXCEPTION starts a subtransaction, which a parallel worker cannot.
            f"CREATE OR REPLACE FUNCTION {conversion.name.sql}({conversion.argument}) RETURNS {conversion.result} "
            f"LANGUAGE plpgsql {volatility} PARALLEL UNSAFE AS {body}",
            f"GRANT EXECUTE ON FUNCTION {conversion.name.sql}({conversion.argument}) TO PUBLIC",
        ]
    return tuple(statements)


def drop(conversion: Conversion) -> tuple[str, ...]:
    """Return the statements that remove the function, whether or not it is there."""
    names = [conversion.name] if conversion.total else [conversion.name, conversion.partial]
    return tuple(f"DROP FUNCTION IF EXISTS {name.sql}({conversion.argument})" for name in names)
