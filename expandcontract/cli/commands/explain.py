"""`ec explain CODE`. Needs neither settings nor a database: it explains what is wrong with them as well."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from expandcontract.cli.build import single
from expandcontract.cli.command import readable, remember
from expandcontract.cli.options import SPEECH

Code = Annotated[
    str, typer.Argument(metavar="CODE", help="An error code: EC312, or 312.", show_default=False)
]


def _explain(ctx: typer.Context, values: Mapping[str, Any]) -> int:
    from expandcontract.cli.output import Output
    from expandcontract.cli.views.explain import ExplainView

    written = remember(ctx, values)
    Output(json=bool(written.get("json"))).show(ExplainView.find(written["code"]))
    return 0


def build(name: str, summary: str) -> TyperCommand:
    """Return the command."""
    code = inspect.Parameter("code", inspect.Parameter.KEYWORD_ONLY, annotation=Code)
    return single(name, summary, readable(_explain, [code, *SPEECH]))
