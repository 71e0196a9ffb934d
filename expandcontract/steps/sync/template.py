"""The texts of functions, from files beside this one."""

from functools import cache
from importlib.resources import files

from expandcontract.model.names import dollar_quote
from expandcontract.steps.sync.predicates import Values


def render(template: str, **fields: str) -> str:
    """Return the statement that makes a function."""
    header, _, body = _template(template).partition("$ec$\n")
    comment, _, rest = body.rpartition("$ec$")[0].partition("\n")
    # A name may hold a line break, which would end the comment.
    line = " ".join(comment.format(**fields).splitlines())
    return header.format(**fields) + dollar_quote(f"\n{line}\n{rest.format(**fields)}")


@cache
def _template(name: str) -> str:
    return files("expandcontract.steps.sync").joinpath(name).read_text(encoding="utf-8")


def assigned(columns: Values, values: Values) -> str:
    """Return what assigns values to columns of NEW."""
    return " ".join(f"{column} := {value};" for column, value in zip(columns, values, strict=True))
