"""`ec fleet status --watch`: drawn anew on a terminal, a line of JSON for programs, or what is new."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from expandcontract.cli.output import Output
from expandcontract.cli.views.fleet_status import FleetStatusView


@contextmanager
def watching(output: Output) -> Iterator[Callable[[FleetStatusView], None]]:
    """Give what fits the stream of results, and give the terminal back at the end."""
    if output.json:
        yield lambda view: output.write(view.json_line())
    elif output.stdout.isatty():
        with Live(console=Console(file=output.stdout, highlight=False), auto_refresh=False) as live:
            yield lambda view: live.update(Text(view.text()), refresh=True)
    else:
        last = [""]

        def write(view: FleetStatusView) -> None:
            if view.text() != last[0]:
                output.write(view.text())
            last[0] = view.text()

        yield write
