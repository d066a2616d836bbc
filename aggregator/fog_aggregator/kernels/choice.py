"""Name the ways in which kernels can run. Without numpy: `--help` reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

COMPILED_BYTES: Final = 108 * 2**20
"""Resident memory of numba, LLVM's library and the compiled kernels, beside those of the program."""
COMPILING_BYTES: Final = 200 * 2**20
"""The same where kernels are not kept yet: what the compiler took for them is not given back."""


class Choice(StrEnum):
    """The way in which kernels run."""

    AUTO = "auto"
    """Compiled once the fleet is large, where numba is installed and the memory is enough for them."""
    NUMBA = "numba"
    """Compiled; without numba the program does not start."""
    NUMPY = "numpy"
    """Not compiled, whatever is installed."""


def parse_choice(text: str) -> Choice:
    """Read the choice that a person wrote.

    Raises:
        ValueError: It is none.
    """
    try:
        return Choice(text)
    except ValueError:
        raise ValueError(f"kernels {text!r} are not known: choose one of {', '.join(Choice)}") from None


def has_room(memory: int, program: int, kernels: int = COMPILED_BYTES) -> bool:
    """Tell whether compiled kernels leave half of a memory to the fleet.

    Args:
        memory: All that the process may take, bytes.
        program: Its resident memory without them, bytes.
        kernels: The memory that they take, bytes.
    """
    return 2 * (program + kernels) <= memory
