"""The work of `fog check sources`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fog_agent.sources.configuration import SourcesError, load_sources
from fog_cli.errors import UsageError


def check_sources(files: Sequence[str]) -> int:
    """Say of each file whether it can be used; 0 when all can.

    Raises:
        UsageError: There is no file.
    """
    if not files:
        raise UsageError("which files? fog check sources FILE ...")
    failed = False
    for file in files:
        try:
            found = load_sources(Path(file))
        except SourcesError as error:
            failed = True
            print(error, file=sys.stderr)
        else:
            names = ", ".join(one.name for one in found)
            print(f"{file}: fine: {names}" if names else f"{file}: fine: it has no sources")
    return 1 if failed else 0
