"""Options that commands of `ec fleet` share."""

from typing import Annotated

import typer

Change = Annotated[
    str, typer.Argument(metavar="CHANGE", help="The change, by the name that it has everywhere.")
]
MaybeChange = Annotated[
    str | None,
    typer.Argument(
        metavar="[CHANGE]", help="The change; every open one when it is left out.", show_default=False
    ),
]
Wave = Annotated[str | None, typer.Option("--wave", metavar="W", help="The targets of this wave alone.")]
Targets = Annotated[
    list[str] | None, typer.Option("--target", metavar="NAME", help="This target alone; may be repeated.")
]
Matching = Annotated[
    str | None,
    typer.Option("--match", metavar="LABELS", help="Those with these labels alone: tier = canary."),
]
Parallel = Annotated[
    str | None, typer.Option("--parallel", metavar="N", help="So many targets are at work at once.")
]
ConfirmMany = Annotated[
    str | None,
    typer.Option("--confirm", metavar="N", help="On how many targets: for what cannot be taken back."),
]
