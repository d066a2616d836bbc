"""The ways in which a question about the past has no answer."""

from __future__ import annotations


class PastError(Exception):
    """A question about the past that has no answer; the text says what to do.

    Attributes:
        status: the status of HTTP: 400 when another question has an answer, 404 when nothing is there, 503 when the
            same question may have one later.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status
