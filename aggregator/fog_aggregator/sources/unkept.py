"""A source that computes its samples when it is asked."""

from __future__ import annotations


class Unkept:
    """Keeps no samples: of what times it has some is not known before somebody asks for them."""

    @property
    def oldest(self) -> int | None:
        """Return that it is not known: nothing is kept here."""
        return None

    @property
    def newest(self) -> int | None:
        """Return that it is not known."""
        return None
