"""Work that is imported when it is called for: completions and `fog check` load every command, not what it needs."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
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
    """Import a module. The objects that it makes stay: to look for garbage in them would take a quarter of the time.

    Python's collector looks at them neither while they become many nor later, as when the process ends.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        module = importlib.import_module(name)
        gc.freeze()
    finally:
        gc.enable()
    return module
