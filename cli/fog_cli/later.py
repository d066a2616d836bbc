"""Work that is imported when it is called for: completions and `fog check` load every command, not what it needs."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def later(place: str) -> Callable[..., int]:
    """Return a stand-in for the function at ``module:name``, which is imported when it is called.

    The module may import the command's settings: they do not import it.
    """
    module, _, name = place.partition(":")

    def work(*arguments: Any) -> int:
        code: int = getattr(imported(module), name)(*arguments)
        return code

    return work


def imported(name: str) -> ModuleType:
    """Import a module. To look for garbage in what it makes would take a quarter of the time."""
    if name in sys.modules:
        return sys.modules[name]
    with lasting():
        return importlib.import_module(name)


@contextmanager
def lasting() -> Iterator[None]:
    """Keep what is made inside from Python's collector of garbage, for ever.

    It looks at these objects neither while they become many nor later, as when the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
