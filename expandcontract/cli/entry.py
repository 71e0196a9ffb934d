"""From arguments to exit code. Every error ends here; a traceback is shown to those who ask with -v."""

import os
import sys
from collections.abc import Sequence

import typer

from expandcontract.cli.app import build
from expandcontract.model.errors import ConnectionLost, EcError, Interrupted, UsageError
from expandcontract.model.presence import concerns


def run(argv: Sequence[str] | None = None) -> int:
    """Run `ec` and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        return int(build().main(arguments, prog_name="ec", standalone_mode=False) or 0)
    except EcError as error:
        return _report(error, arguments)
    except typer.TyperException as error:
        return _report(_usage_error(error), arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _report(Interrupted("Interrupted."), arguments)
    except BrokenPipeError:
        # Whoever read our output has enough. The interpreter would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, its traceback is for those who ask for it
        return _report(_translated(error), arguments)


def _report(error: EcError, arguments: Sequence[str]) -> int:
    from expandcontract.cli.output import Output
    from expandcontract.cli.views.error import ErrorView

    output = Output(json=_asked(arguments, "--json"))
    view = ErrorView.of(error)
    if output.json:
        output.show(view)
    else:
        output.say_error(view, concerns(error))
    if _asked(arguments, "--verbose", "-v"):
        output.say(_traceback(error), "traceback", concerns(error), level="debug")
    return error.exit_code


def _asked(arguments: Sequence[str], *flags: str) -> bool:
    """Say whether a flag was written; the arguments may be too wrong to be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(flag in options for flag in flags)


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _translated(error: Exception) -> EcError:
    """Return an error of ours. What SQLAlchemy and asyncpg raise is loaded when they are."""
    if isinstance(error, ConnectionError | TimeoutError):
        return ConnectionLost(f"The connection broke: {str(error) or type(error).__name__}.")
    if isinstance(error, OSError):
        return EcError(f"{error.filename or 'The system'}: {error.strerror or error}.")
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import DBAPIError

        from expandcontract.postgres import sqlstate

        if isinstance(error, DBAPIError) or sqlstate.sqlstate(error):
            return sqlstate.translate(error)
    return _unforeseen(error)


def _unforeseen(error: Exception) -> EcError:
    found = EcError(
        f"{type(error).__name__}: {error}",
        why="This is an error in ec itself.",
        state="Every step commits or is rolled back as a whole; ec status shows where things are.",
        next="the same command with -v shows where it comes from",
    )
    found.__cause__ = error
    return found


def _usage_error(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ec"
    message = error.format_message()
    return UsageError(message if message.endswith((".", "?")) else f"{message}.", next=f"{command} --help")
