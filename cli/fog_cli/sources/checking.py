"""The work of `fog check sources`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fog_agent.sources.configuration import SourcesError, load_sources
from fog_cli.commands.check import check_files
from fog_cli.errors import UsageError


def check_sources(files: Sequence[str]) -> int:
    """Say of each file whether it can be used; 0 when all can.

    Raises:
        UsageError: There is no file.
    """
    if not files:
        raise UsageError("which files? fog check sources FILE ...")
    return check_files(files, _say_of, SourcesError)


def _say_of(file: str) -> str:
    names = ", ".join(one.name for one in load_sources(Path(file)))
    return f"{file}: fine: {names}" if names else f"{file}: fine: it has no sources"
