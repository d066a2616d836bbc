"""Says whether a configuration file is fine, for every command that reads it: all problems, one a line."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fog_bus.options import option
from fog_bus.options.kinds import FILE
from fog_cli.commands import all_options
from fog_cli.config import REQUIRED, problems, read_document


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog check`."""

    file: str = option(REQUIRED, "the TOML file", FILE, positional=True)


def run(settings: Settings) -> int:
    """0 when it is fine, 1 when it is not."""
    found = problems(read_document(Path(settings.file)), all_options())
    for problem in found:
        print(f"{settings.file}: {problem}", file=sys.stderr)
    if not found:
        print(f"{settings.file}: fine")
    return 1 if found else 0
