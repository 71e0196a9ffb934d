"""Kinds on the command line: their arguments and options are generated from the kind's spec."""

import difflib
import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from expandcontract.cli.build import single
from expandcontract.cli.command import Verb, execute, own_parameters, readable, remember
from expandcontract.cli.options import SPEECH, settings
from expandcontract.model.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo

#: The name of the verbs' parameter that holds what was asked for.
ASKED = "asked"
#: Keeps a kind's fields apart from the verb's own options.
_FIELD = "field_"


@dataclass(frozen=True)
class ChangeAsked:
    """A change by its name; None when it was left out."""

    name: str | None


@dataclass(frozen=True)
class KindAsked:
    """A kind with its spec, which was validated."""

    kind: str
    spec: "BaseModel"


Asked: TypeAlias = ChangeAsked | KindAsked


def kind_names() -> tuple[str, ...]:
    """Return all kinds, without importing any."""
    from expandcontract.changes import registry

    return registry.kinds()


def parameters(spec: "type[BaseModel]") -> list[inspect.Parameter]:
    """Return a parameter for each field of a spec: an argument where it is positional, else an option. What
    several kinds share comes after a kind's own.
    """
    fields = sorted(spec.model_fields.items(), key=lambda each: _extra(each[1]).get("last") is True)
    return [_parameter(name, field) for name, field in fields]


def validated(spec: "type[BaseModel]", fields: Mapping[str, Any]) -> "BaseModel":
    """Validate what was written. Raises UsageError that names the option."""
    from pydantic import ValidationError

    try:
        return spec.model_validate(dict(fields))
    except ValidationError as error:
        raise _usage_error(spec, error) from None


def written_fields(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kind's fields among everything that was written."""
    return {name.removeprefix(_FIELD): value for name, value in written.items() if name.startswith(_FIELD)}


def words(spec: "type[BaseModel]", fields: Mapping[str, Any]) -> list[str]:
    """Return how the fields are written on the command line: what `parameters` reads."""
    positional: list[str] = []
    options: list[str] = []
    for name in (name for name in spec.model_fields if name in fields):
        extra, value = spec.model_fields[name].json_schema_extra, fields[name]
        option = f"--{name.replace('_', '-')}"
        if isinstance(extra, dict) and extra.get("positional"):
            positional += map(str, value) if isinstance(value, (list, tuple)) else [str(value)]
        elif isinstance(value, bool):
            options += [option] if value else []
        else:
            for each in _each(value):
                options += [option, str(each)]
    return [*positional, *options]


def _each(value: object) -> list[object]:
    """Return what an option is written with, once for each."""
    if isinstance(value, Mapping):
        return [f"{name}={each}" for name, each in value.items()]
    return list(value) if isinstance(value, (list, tuple)) else [value]


class KindGroup(TyperGroup):
    """`ec start KIND ARGS | CHANGE`: kinds are subcommands, every other word is the name of a change."""

    verb: Verb
    summary: str

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the kinds."""
        del ctx
        return list(kind_names())

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Write the kinds with their own words, group by group."""
        from expandcontract.changes import registry
        from expandcontract.changes.kind import GROUPS

        del ctx
        kinds = [registry.load(name) for name in kind_names()]
        for group_ in GROUPS:
            listed = [(kind.name, kind.help) for kind in kinds if kind.group == group_]
            if listed:
                with formatter.section(group_):
                    formatter.write_dl(listed)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand:  # type: ignore[override]
        """Return the command of a kind, or of a change."""
        del ctx
        return self._kind(cmd_name) if cmd_name in kind_names() else self._change(cmd_name)

    def resolve_command(  # type: ignore[override]
        self, ctx: typer.Context, args: list[str]
    ) -> tuple[str, TyperCommand, list[str]]:
        """Find the kind or change. Raises UsageError for a word that is nearly a kind."""
        word = args[0]
        if word not in kind_names() and difflib.get_close_matches(word, kind_names(), cutoff=0.8):
            raise neither(word)
        return word, self.get_command(ctx, word), args[1:]

    def _kind(self, name: str) -> TyperCommand:
        from expandcontract.changes import registry

        kind = registry.load(name)
        own = [p for p in own_parameters(self.verb) if p.name != ASKED]

        def run(ctx: typer.Context, values: Mapping[str, Any]) -> int:
            written = remember(ctx, values)
            asked = KindAsked(name, validated(kind.spec, written_fields(written)))
            return execute(self.verb, written, checkpoints=True, extra={ASKED: asked})

        everything = [*parameters(kind.spec), *own, *SPEECH, *settings(hidden=True)]
        return single(name, kind.help, readable(run, everything))

    def _change(self, name: str) -> TyperCommand:
        own = [p for p in own_parameters(self.verb) if p.name != ASKED]

        def run(ctx: typer.Context, values: Mapping[str, Any]) -> int:
            if ctx.args:
                raise neither(name)
            return execute(
                self.verb, remember(ctx, values), checkpoints=True, extra={ASKED: ChangeAsked(name)}
            )

        function = readable(run, [*own, *SPEECH, *settings(hidden=True)])
        return single(name, self.summary, function, allow_extra_args=True)


def group(name: str, summary: str, verb: Verb, details: str = "") -> TyperGroup:
    """Return a verb's command whose subcommands are the kinds."""
    own = [p for p in own_parameters(verb) if p.name != ASKED]

    def run(ctx: typer.Context, values: Mapping[str, Any]) -> int:
        written = remember(ctx, values)
        if ctx.invoked_subcommand is not None:
            return 0
        return execute(verb, written, checkpoints=True, extra={ASKED: ChangeAsked(None)})

    app = typer.Typer(
        cls=KindGroup, add_completion=False, rich_markup_mode=None, help=f"{summary}\n\n{details}"
    )
    callback = app.callback(invoke_without_command=True, subcommand_metavar="KIND ARGS | CHANGE")
    callback(readable(run, [*own, *SPEECH, *settings(hidden=True)]))
    built: KindGroup = typer.main.get_command(app)  # type: ignore[assignment]
    built.name = name
    built.verb = verb
    built.summary = summary
    return built


def neither(word: str, others: Sequence[str] = ()) -> UsageError:
    """Return the error for a word that is neither kind nor change, with the nearest of both."""
    near = difflib.get_close_matches(word, [*kind_names(), *others], n=1, cutoff=0.5)
    known = f"The kinds are {', '.join(kind_names())}."
    return UsageError(
        f"{word!r} is neither a kind of change nor a change.",
        why=f"Did you mean {near[0]}?" if near else known,
        next="ec status",
    )


def _extra(field: "FieldInfo") -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _parameter(name: str, field: "FieldInfo") -> inspect.Parameter:
    extra = _extra(field)
    metavar = str(extra.get("metavar") or "|".join(_choices(field.annotation)) or name.upper())
    if extra.get("positional"):
        return _positional(name, field, metavar)
    return _option(name, field, metavar)


def _positional(name: str, field: "FieldInfo", metavar: str) -> inspect.Parameter:
    shown = metavar if field.is_required() else f"[{metavar}]"
    argument = typer.Argument(metavar=shown, help=field.description, show_default=False)
    annotation = Annotated[list[str], argument] if _is_list(field) else Annotated[str, argument]
    default = inspect.Parameter.empty if field.is_required() else None
    return inspect.Parameter(
        f"{_FIELD}{name}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _option(name: str, field: "FieldInfo", metavar: str) -> inspect.Parameter:
    declaration = f"--{name.replace('_', '-')}"
    default: object = None
    annotation: object
    if field.annotation is bool:
        default = False
        annotation = Annotated[bool, typer.Option(declaration, help=field.description, show_default=False)]
    else:
        help_text = " ".join(filter(None, (field.description, _default(field))))
        option = typer.Option(declaration, metavar=metavar, help=help_text, show_default=False)
        annotation = Annotated[list[str] | None if _is_list(field) else str | None, option]
    return inspect.Parameter(
        f"{_FIELD}{name}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _default(field: "FieldInfo") -> str:
    if field.is_required():
        return "[required]"
    if field.default is None or field.default in ([], {}):
        return ""
    return f"[{field.default.value if isinstance(field.default, Enum) else field.default}]"


def _is_list(field: "FieldInfo") -> bool:
    """Return whether an option may be written more than once."""
    parts = (field.annotation, *_members(field.annotation))
    return any(get_origin(part) in (list, tuple, dict) for part in parts)


def _members(annotation: object) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()


def _choices(annotation: object) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    for member in _members(annotation):
        yield from _choices(member)


def _usage_error(spec: "type[BaseModel]", error: "ValidationError") -> UsageError:
    details = error.errors(include_url=False, include_context=False)[0]
    message = details["msg"].removeprefix("Value error, ")
    if not details["loc"]:
        return UsageError(message)
    name = str(details["loc"][0])
    field = spec.model_fields.get(name)
    positional = (
        field is not None
        and isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("positional")
    )
    shown = name.upper() if positional else f"--{name.replace('_', '-')}"
    if details["type"] == "missing":
        return UsageError(f"{shown} is missing.", why=(field.description or "") if field else "")
    return UsageError(f"{shown}: {message}")
