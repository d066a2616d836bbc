"""Say which state a rollup's totals come from: its keyframes bear it in their information (R13.17)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from fog_aggregator.core.places.limits import MOST_NODES
from fog_schema.limits import MAX_EPOCH, MAX_WHOLE

INCARNATION: Final = "incarnation"
QUARANTINED: Final = "quarantined"
_HEX: Final = 16
_DIGITS: Final = len(str(MAX_WHOLE))


class Origin(NamedTuple):
    """The state that a replica's totals come from.

    Attributes:
        incarnation: a random number that the state was given when it began without a checkpoint; 0 when it says none.
        revision: grows with each order of an operator that takes counts out of the totals, or in again; 0 before any.
        quarantined: how many of its nodes are out.
    """

    incarnation: int = 0
    revision: int = 0
    quarantined: int = 0

    @classmethod
    def of(cls, info: Mapping[str, str]) -> Self:
        """Read what a keyframe's information says; what is not as it should be counts as nothing."""
        incarnation = _number(info.get(INCARNATION, ""), _HEX, 16, MAX_EPOCH)
        nodes, _, revision = info.get(QUARANTINED, "").partition(" ")
        return cls(
            incarnation,
            _number(revision, _DIGITS, 10, MAX_WHOLE),
            min(_number(nodes, _DIGITS, 10, MAX_WHOLE), MOST_NODES),
        )

    def as_info(self) -> tuple[tuple[str, str], ...]:
        """Return the entries of a keyframe's information."""
        incarnation = (INCARNATION, f"{self.incarnation:016x}")
        return (incarnation, (QUARANTINED, f"{self.quarantined} {self.revision}")) if self.revision else (incarnation,)


def _number(text: str, longest: int, base: int, most: int) -> int:
    """Read a number that is not negative; anything else is 0."""
    if not (text.isascii() and text.isalnum()) or len(text) > longest:
        return 0
    try:
        number = int(text, base)
    except ValueError:
        return 0
    return number if number <= most else 0
