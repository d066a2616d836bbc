"""Read what a receiver answered, and what it means for the samples that were sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

LONGEST_RETRY: Final = 600.0
"""Seconds for which a receiver may ask to be left alone."""
_LATER: Final = frozenset({408, 425, 429})
_REFUSED: Final = frozenset({400, 409, 422})
"""400 of most; 409 of Thanos; 422 of a few."""
_TOO_LARGE: Final = 413
_NO_NATIVES: Final = re.compile(r"native histograms? (are |is )?(disabled|not (enabled|supported))", re.IGNORECASE)
"""The words of Prometheus, which answers 500 with them, and of others."""


class Verdict(Enum):
    """The meanings of an answer, each with the value of the label `result`."""

    TAKEN = "taken"
    """The receiver has what was sent."""
    LATER = "later"
    """It cannot take it now, or there was no answer: it may have it."""
    REFUSED = "refused"
    """It will not take all of it: something that was sent is at fault."""
    TOO_LARGE = "too_large"
    """It would take less at once."""
    UNUSABLE = "unusable"
    """It takes nothing of ours: the address, the login or the format is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes:
        status: Of HTTP; None where there was none.
        text: The receiver's words, or why there was no answer.
        retry_after: Seconds after which it wants to be asked again; None where it does not say.
        date: The receiver's time, unix seconds; None where it does not say.
        written: How many samples it says it has written; None where it does not say.
        histograms: The same of native histograms.
        drops_natives: It takes native histograms without a word, and stores none.
        rejected: How many points it has left out of what it took.
    """

    status: int | None
    text: str = ""
    retry_after: float | None = None
    date: float | None = None
    written: int | None = None
    histograms: int | None = None
    drops_natives: bool = False
    rejected: int = 0

    @property
    def verdict(self) -> Verdict:
        """The meaning of the status."""
        status = self.status
        if status is None or status in _LATER or status >= 500:
            return Verdict.LATER
        if 200 <= status < 300:
            return Verdict.TAKEN
        if status in _REFUSED:
            return Verdict.REFUSED
        return Verdict.TOO_LARGE if status == _TOO_LARGE else Verdict.UNUSABLE

    @property
    def lacks_natives(self) -> bool:
        """Whether native histograms were sent in vain."""
        if self.verdict is Verdict.TAKEN:
            return self.drops_natives or (self.written is not None and not self.histograms)
        return _NO_NATIVES.search(self.text) is not None

    @property
    def is_fault(self) -> bool:
        """Whether the receiver has failed over what was sent: some answer so to what they should refuse."""
        return self.status is not None and self.status >= 500


def seconds_to_wait(header: str | None, now: float) -> float | None:
    """Read `Retry-After`: seconds, or a date; None for what is neither.

    Args:
        header: Its value.
        now: The receiver's time, unix seconds.
    """
    if header is None:
        return None
    if header.strip().isdecimal():
        return min(float(header.strip()[:9]), LONGEST_RETRY)
    date = http_date(header)
    return None if date is None else min(max(0.0, date - now), LONGEST_RETRY)


def http_date(header: str | None) -> float | None:
    """Read a date as HTTP writes it, unix seconds; None for what is none."""
    if not header:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
