"""The `fog` command. Exit codes: 0 well, 1 something went wrong at run time, 2 it was asked for what cannot be."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fog_cli.arguments import build_parser, parse_arguments
from fog_cli.commands import SUMMARIES, Command, all_options, load
from fog_cli.config import Document, options_of, problems, read_document, resolve
from fog_cli.errors import FogError, UsageError

_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended

_EXTRAS = {
    "aiohttp": "aggregator",
    "isal": "aggregator",
    "nkeys": "creds",
    "numpy": "aggregator",
    "promql_parser": "aggregator",
    "psutil": "host",
    "re2": "aggregator",
    "rich": "top",  # Textual's own
    "textual": "top",
    "yaml": "aggregator",
}
"""Which extra of the package brings a module that a light install does not have."""


def main() -> int:
    """Run the command line of this process; the exit code."""
    try:
        code = run(sys.argv[1:], os.environ)
        if sys.stdout is not None:  # it is when the parent closed it
            sys.stdout.flush()
    except BrokenPipeError:  # `fog tree | head`: not worth a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line; errors that a person can act on become one line on standard error."""
    name = argv[0] if argv else "--help"
    try:
        if name in {"-h", "--help", "help"}:
            print(_overview())
            return 0
        if name in {"-V", "--version"}:
            print(_version())
            return 0
        return _run_command(load(name), argv[1:], environ)
    except FogError as error:
        print(f"fog {name}: {error}" if name in SUMMARIES else f"fog: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        print(f"fog {name}: {error.name} is missing: {_remedy(error.name)}", file=sys.stderr)
        return 1


def _run_command(command: Command, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    options = options_of(command.settings, command.name)
    given = parse_arguments(build_parser(command.name, command.description, options), argv)
    configurable = any(not option.positional for option in options)
    file = given.pop("config", environ.get("FOG_CONFIG", "") if configurable else "")
    print_only = given.pop("print_config", False)
    document = _checked_document(str(file)) if file else {}
    resolved = resolve(command.settings, command.name, given, environ, document)
    if print_only:
        print(resolved.as_toml())
        return 0
    return command.run(resolved.settings)


def _checked_document(file: str) -> Document:
    document = read_document(Path(file))
    if found := problems(document, all_options()):
        more = f" (and {len(found) - 1} more: fog check {file})" if len(found) > 1 else ""
        raise UsageError(f"{file}: {found[0]}{more}")
    return document


def _overview() -> str:
    width = max(map(len, SUMMARIES))
    lines = [f"  {name:{width}}  {summary}" for name, summary in SUMMARIES.items()]
    return "\n".join(
        [
            "usage: fog COMMAND [OPTION ...]",
            "",
            "Metrics and events of a whole fog of nodes, over NATS, rolled up along its tree.",
            "",
            *lines,
            "",
            "fog COMMAND --help says what a command takes; fog --version which one this is.",
        ]
    )


def _version() -> str:
    from importlib.metadata import version

    return f"fog {version('utilityfog-telemetry')} (Python {sys.version.split()[0]})"


def _remedy(module: str) -> str:
    return f"pip install 'utilityfog-telemetry[{_EXTRAS[module]}]'"
