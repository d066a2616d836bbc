"""Work that is imported when it is called for: completions and `fog check` load every command, not what it needs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def later(place: str) -> Callable[..., int]:
    """Return a stand-in for the function at ``module:name``, which is imported when it is called.

    The module may import the command's settings: they do not import it.
    """
    module, _, name = place.partition(":")

    def work(*arguments: Any) -> int:
        code: int = getattr(importlib.import_module(module), name)(*arguments)
        return code

    return work
