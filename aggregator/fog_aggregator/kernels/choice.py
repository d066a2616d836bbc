"""Name the ways in which kernels can run. Without numpy: `--help` reads it."""

from __future__ import annotations

from enum import StrEnum


class Choice(StrEnum):
    """The way in which kernels run."""

    AUTO = "auto"
    """Compiled where numba is installed."""
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
