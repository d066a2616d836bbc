"""Give each login its share of the silences that a fleet may have, so that none can use up all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fog_aggregator.notifications.silences import MAX_SILENCES

MOST_OF_ONE: Final = MAX_SILENCES // 10
"""Silences of one login that are not over."""
MOST_OF_ALL: Final = MAX_SILENCES - MOST_OF_ONE
"""Silences that are not over, of anybody, with which logins make no more: the rest is left to `fog silence`."""
UNREAD_SECONDS: Final = 60.0
"""For so long a silence that is not read yet counts: it may have been refused when it was read."""


class TooManySilencesError(Exception):
    """A login may make no more silences now; the text says what to do."""


class SilenceShares:
    """The silences that logins ordered here and nobody has read yet; known ones are handed in. Not thread-safe."""

    def __init__(self) -> None:
        self._unread: dict[str, tuple[str, float]] = {}

    def take(self, number: str, author: str, known: Iterable[tuple[str, str, bool]], now: float) -> None:
        """Count a silence that is about to be ordered.

        Args:
            number: Its id.
            author: The login.
            known: All silences that are known: id, author, and whether it is over.
            now: The time, in seconds since any moment.

        Raises:
            TooManySilencesError: The login's share is used up, or that of all logins.
        """
        authors: list[str] = []
        for each, maker, is_over in known:
            self._unread.pop(each, None)
            if not is_over:
                authors.append(maker)
        self._unread = {each: one for each, one in self._unread.items() if now - one[1] < UNREAD_SECONDS}
        authors.extend(maker for maker, _ in self._unread.values())
        if (own := authors.count(author)) >= MOST_OF_ONE:
            raise TooManySilencesError(
                f"{author} has {own} silences that are not over, as many as a login may: end one"
            )
        if len(authors) >= MOST_OF_ALL:
            text = f"{len(authors)} silences are not over, and the rest is left to `fog silence`: end one"
            raise TooManySilencesError(text)
        self._unread[number] = (author, now)

    def give_back(self, number: str) -> None:
        """Count a silence no longer: it was not ordered."""
        self._unread.pop(number, None)
