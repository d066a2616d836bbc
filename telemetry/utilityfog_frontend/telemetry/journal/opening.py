"""From the argument of a collector to its journal, whose modules are imported when there is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, Union

from utilityfog_frontend.telemetry.support.arguments import path_of
from utilityfog_frontend.telemetry.support.problems import Problems

if TYPE_CHECKING:
    from .journal import Journal

JournalArgument: TypeAlias = Union[str, os.PathLike[str], "Journal", None]
"""A directory, or a journal that is kept elsewhere; None for none."""


def journal_of(argument: JournalArgument, clock: Callable[[], float], problems: Problems) -> Journal | None:
    """Return the journal that a collector is to have.

    Raises:
        ValueError: it is to be in something that is no directory.
        TypeError: it is no path.
    """
    if argument is None:
        return None
    from .files import JournalFiles
    from .journal import Journal

    if isinstance(argument, Journal):
        return argument
    path_of("journal", argument)
    return Journal(JournalFiles(argument, lambda text: problems.report("journal", "%s", text)), clock)
