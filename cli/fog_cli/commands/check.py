"""Says whether files are fine: a configuration file, for all commands; Prometheus rule files; filters; sources.

  fog check fog.toml
  fog check rules rules/*.yml
  fog check filters filters.yml
  fog check sources sources.toml

All problems are printed, one a line. Rule files are checked in the words of `promtool check rules`, and with its exit
codes: 0 when all is fine, 1 when a file cannot be used, 3 for what --lint finds with --lint-fatal. One file of filters
is printed as TOML. A configuration file that is called "rules" is written ./rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, FILES, choice
from fog_cli.commands import all_options
from fog_cli.config import REQUIRED, problems, read_document
from fog_cli.errors import UsageError
from fog_cli.later import later

_check_rules: Final = later("fog_cli.actions.rules:check_rules")
_check_filters: Final = later("fog_cli.filters.explaining:check_filters")
_check_sources: Final = later("fog_cli.sources.checking:check_sources")
_RULES: Final = "rules"
_FILTERS: Final = "filters"
_SOURCES: Final = "sources"


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog check`."""

    file: str = option(REQUIRED, "the TOML file, or the word rules, filters or sources", FILE, positional=True)
    files: tuple[str, ...] = option((), "files of rules, filters or sources", FILES, positional=True)
    lint: str = option("all", "what else to look for in rule files", choice("all", "duplicate-rules", "none"))
    lint_fatal: bool = switch("let what --lint finds be an error")


def run(settings: Settings) -> int:
    """0 when they are fine."""
    if settings.file == _RULES:
        return _check_rules(settings)
    if settings.file == _FILTERS:
        return _check_filters(settings.files)
    if settings.file == _SOURCES:
        return _check_sources(settings.files)
    if settings.files:
        raise UsageError(f"{settings.files[0]} is one too many: for rule files write fog check rules FILE ...")
    return _check_configuration(settings.file)


def check_files(files: Sequence[str], check: Callable[[str], str], refusal: type[Exception]) -> int:
    """Print what is said of each file, and on standard error why one cannot be used; 0 when all can, else 1.

    Args:
        files: The files.
        check: Reads one, and returns what to say of it; raises `refusal`.
        refusal: Says why a file cannot be used.
    """
    failed = False
    for file in files:
        try:
            print(check(file))
        except refusal as error:
            failed = True
            print(error, file=sys.stderr)
    return 1 if failed else 0


def _check_configuration(file: str) -> int:
    """0 when it is fine, 1 when it is not."""
    found = problems(read_document(Path(file)), all_options())
    for problem in found:
        print(f"{file}: {problem}", file=sys.stderr)
    if not found:
        print(f"{file}: fine")
    return 1 if found else 0
