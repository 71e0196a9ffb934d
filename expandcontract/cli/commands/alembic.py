"""`ec alembic check`, `target` and `plan`: revisions of Alembic, before they are carried out."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from expandcontract.cli import options
from expandcontract.cli.command import command, readable, remember
from expandcontract.cli.options import SPEECH
from expandcontract.cli.session import Session
from expandcontract.model.errors import EcError, UnknownChange, UsageError

if TYPE_CHECKING:
    from expandcontract.cli.output import Output

Models = Annotated[
    str | None,
    typer.Option(
        "--models",
        metavar="MODULE:METADATA",
        help="Look at the models as well, such as app.models:Base.metadata.",
        show_default=False,
    ),
]
FOUND = 1

_CHECK = """Say what is wrong with revisions, file by file; needs no database.

Revisions that mix operations of ec with others, names given twice, contracts without their start, downgrades
that do not fit, one column changed in two branches. env.py is not run. Exit 1 where something was found."""


_PLAN = """Write the plans of changes that revisions begin into phases/, under their names.

ec run CHANGE then carries one out beside Alembic, and alembic upgrade --sql shows its statements."""
_TARGET = """Say how far alembic upgrade can go now, and on stderr why not further.

alembic upgrade $(ec alembic target) carries out all that can be; of several branches each has a line
of its own. env.py is run for its connection; nothing is changed."""


def _check(ctx: typer.Context, values: Mapping[str, Any]) -> int:
    _require_alembic()
    from expandcontract.alembic import checking, script_folder
    from expandcontract.cli.views.alembic import AlembicCheckView

    written = remember(ctx, values)
    with _told("Alembic's own words."):
        revisions = script_folder.read(script_folder.opened(script_folder.require(written.get("config"))))
        found = list(checking.check(revisions, written.get("models")))
    _output(written).show(AlembicCheckView.of(len(revisions), found))
    return FOUND if found else 0


def _target(ctx: typer.Context, values: Mapping[str, Any]) -> int:
    _require_alembic()
    from expandcontract.alembic import script_folder, target
    from expandcontract.cli.views.alembic import AlembicTargetView

    written = remember(ctx, values)
    with _told("env.py was run for its connection."):
        view = AlembicTargetView.of(target.find(script_folder.require(written.get("config"))))
    output = _output(written)
    output.show(view)
    if view.in_the_way() and not output.json:
        output.say(view.in_the_way(), "shut")
    return 0


async def plan(session: Session, *, change: options.Change = None, config: options.ConfigFile = None) -> None:
    """Write the plans of changes that revisions begin, for those that have none in phases/ yet."""
    _require_alembic()
    from expandcontract.alembic import script_folder
    from expandcontract.alembic.chain import Chain
    from expandcontract.alembic.spoken import change_of
    from expandcontract.cli.views.alembic import AlembicPlanView
    from expandcontract.engine import plan_files
    from expandcontract.engine.verbs import plan as verb

    starts = Chain(script_folder.read(script_folder.opened(script_folder.require(config)))).starts
    if change is not None and change not in starts:
        raise UnknownChange(f"No revision begins {change}.", next="ec alembic check")
    known = plan_files.names(session.phases)
    asked = [change] if change is not None else [name for name in starts if name not in known]
    async with session.context() as context:
        for name in asked:
            await verb.make(context, change_of(starts[name][1]), folder=session.phases)
    session.show(AlembicPlanView(written=tuple(str(session.phases / name) for name in asked)))


@contextmanager
def _told(why: str) -> Iterator[None]:
    """Raise what Alembic raises as an error of ours."""
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        if isinstance(error.__cause__, EcError):
            raise error.__cause__ from None
        raise UsageError(str(error), why=why) from error


def _require_alembic() -> None:
    try:
        import alembic  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "Alembic is not installed beside ec.", why="Its folder of revisions is read by it."
        ) from error


def _output(written: Mapping[str, Any]) -> "Output":
    from expandcontract.cli.output import Output

    return Output(json=bool(written.get("json")))


def build(name: str, summary: str) -> TyperGroup:
    """Return the command."""
    app = typer.Typer(
        name=name, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=summary
    )
    config = _parameter("config", options.ConfigFile)
    app.command("check", help=_CHECK)(readable(_check, [config, _parameter("models", Models), *SPEECH]))
    app.command("target", help=_TARGET)(readable(_target, [config, *SPEECH]))
    app.command("plan", help=_PLAN)(command(plan))
    built: TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    return built


def _parameter(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
