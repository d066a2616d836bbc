"""From the argument of a collector to its journal."""

import os
from collections.abc import Callable

from utilityfog_frontend.telemetry.support.arguments import path_of
from utilityfog_frontend.telemetry.support.problems import Problems

from .files import JournalFiles
from .journal import Journal

JournalArgument = str | os.PathLike[str] | Journal | None
"""A directory, or a journal that is kept elsewhere; None for none."""


def journal_of(argument: JournalArgument, clock: Callable[[], float], problems: Problems) -> Journal | None:
    """Return the journal that a collector is to have.

    Raises:
        ValueError: it is to be in something that is no directory.
        TypeError: it is no path.
    """
    if argument is None or isinstance(argument, Journal):
        return argument
    path_of("journal", argument)
    return Journal(JournalFiles(argument, lambda text: problems.report("journal", "%s", text)), clock)
