"""After a fork the child counts for itself: every lock anew, every count from zero.

Another thread of the parent may have held any lock at the moment of the fork; in the child nobody will ever release it.
"""

import logging
import os
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

logger = logging.getLogger("utilityfog_frontend.telemetry")


class Preparable(Protocol):
    """Something that wants to know of a fork before it."""

    def prepare(self) -> None:
        """Run in the parent, in the thread that forks, before each fork."""


class Renewable(Protocol):
    """Something with locks and counts of its own."""

    def renew(self) -> None:
        """Run in the child, alone, before any of its own code."""


_preparables: WeakSet[Preparable] = WeakSet()
_renewables: WeakSet[Renewable] = WeakSet()


def prepare_before_fork(thing: Preparable) -> None:
    """Has `thing.prepare()` called before every fork, for as long as `thing` lives."""
    _preparables.add(thing)


def renew_after_fork(thing: Renewable) -> None:
    """Has `thing.renew()` called in every forked child, for as long as `thing` lives."""
    _renewables.add(thing)


def _prepare_all() -> None:
    for thing in list(_preparables):
        _each_by_itself(thing.prepare)


def _renew_all() -> None:
    for thing in list(_renewables):
        _each_by_itself(thing.renew)


def _each_by_itself(step: Callable[[], None]) -> None:
    """Run a step: one that fails must not leave the others out, which would count in the parent's name."""
    try:
        step()
    except Exception:
        logger.exception("something did not survive a fork")


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_prepare_all, after_in_child=_renew_all)
