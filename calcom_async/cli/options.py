"""Options of every command that sends requests, and the server and credentials that they select."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Annotated, Any, Concatenate

import typer
from typer.core import TyperArgument, TyperCommand

from calcom_async.cli.exit_codes import EXIT_CODES_HELP
from calcom_async.cli.profile_files import complete_profile
from calcom_async.cli.run import fail
from calcom_async.cli.terminal import stderr
from calcom_async.errors import CalcomError

BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Base URL of the API. [default: CAL_API_URL]")
]
ApiKeyOption = Annotated[str | None, typer.Option("--api-key", metavar="KEY", help="API key. [default: CAL_API_KEY]")]
AllowHttpOption = Annotated[
    bool,
    typer.Option("--allow-http", help="Allow http:// to other hosts, without encryption, as CAL_ALLOW_HTTP=1 does."),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Profile with a base URL and an API key. See: calcom-async profiles",
        autocompletion=complete_profile,
    ),
]
SandboxOption = Annotated[bool, typer.Option("--sandbox", help="Use a built-in Cal.com server with sample data.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing: print the first request that would change data, as JSON.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Print requests, waits and retries on stderr, without ids and secrets.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print only errors and warnings on stderr.")]


class Command(TyperCommand):
    """A command whose errors become a message and an exit code.

    Its help ends with the exit codes, and shows arguments without their Python type, as in `EVENT <str>`.
    """

    def __init__(self, *args: Any, epilog: str | None = None, **more: Any) -> None:
        super().__init__(*args, epilog=epilog or EXIT_CODES_HELP, **more)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CalcomError as error:
            fail(error)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with arguments that do not display a type."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if isinstance(parameter, TyperArgument):
                vars(parameter)["display_type_rich"] = lambda **_: ""  # the only hook, since typer 0.29
        return parameters


def one_of(words: Iterable[str]) -> Callable[[str], str]:
    """Return a parser that accepts these words in any case."""
    known = {word.casefold(): word for word in words}

    def parse(text: str) -> str:
        if text.casefold() in known:
            return known[text.casefold()]
        raise typer.BadParameter(f"must be one of {', '.join(known.values())}, got {text}")

    return parse


def some_of(words: Iterable[str]) -> Callable[[str], str]:
    """Return a parser that accepts these words in any case, separated by commas."""
    parse = one_of(words)
    return lambda text: ",".join(parse(word.strip()) for word in text.split(","))


@dataclass(frozen=True)
class Target:
    """The shared options of a command: server, credentials and messages."""

    base_url: str | None = field(default=None, repr=False)  # may contain a password, which is an error
    api_key: str | None = field(default=None, repr=False)
    sandbox: bool = False
    allow_http: bool = False
    profile: str | None = None
    debug: bool = False
    quiet: bool = False


def _target(
    context: typer.Context,
    base_url: BaseUrlOption = None,
    api_key: ApiKeyOption = None,
    profile: ProfileOption = None,
    sandbox: SandboxOption = False,
    allow_http: AllowHttpOption = False,
    debug: DebugOption = False,
    quiet: QuietOption = False,
) -> Target:
    """Combine the options of a command with those given before it; the former win."""
    outer: Target = context.obj or Target()
    target = context.obj = Target(
        base_url or outer.base_url,
        api_key or outer.api_key,
        sandbox or outer.sandbox,
        allow_http or outer.allow_http,
        profile or outer.profile,
        debug or outer.debug,
        quiet or outer.quiet,
    )
    stderr.quiet = target.quiet
    return target


def with_target(command: Callable[Concatenate[Target, ...], None]) -> Callable[..., None]:
    """Let a command have the options that select a server and credentials, and pass it the `Target`."""
    shared = inspect.signature(_target, eval_str=True).parameters.values()
    own = [*inspect.signature(command, eval_str=True).parameters.values()][1:]

    @wraps(command)
    def run_with_target(**options: Any) -> None:
        target = _target(**{parameter.name: options.pop(parameter.name) for parameter in shared})
        command(target, **options)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)]
    run_with_target.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run_with_target
