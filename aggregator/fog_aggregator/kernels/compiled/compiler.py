"""Compile functions on arrays for this machine, once: what was compiled is kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

BYTES: Final = "Array(uint8, 1, 'C', readonly=True)"
"""Bytes in a signature: a view of Python's own are never written."""
TABLE: Final = "Array(int64, 2, 'C', readonly=True)"
"""Rows of integers in a signature, which are a view of Python's bytes."""


def compiled(*signatures: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for these signatures, at once, or take it from the cache on disk.

    Without signatures it is a part of others, and compiled into them. Nothing is checked while it runs: an index out
    of bounds is a fault, so that every kernel checks what comes from outside. Sums of floats keep their order.

    Args:
        signatures: As numba writes them, such as `void(int64[::1], uint8[::1])`.
    """

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        if not signatures:
            inner: Callable[P, R] = numba.njit()(function)
            return inner
        outer: Callable[P, R] = numba.njit(list(signatures), cache=True)(function)
        return outer

    return compile_
