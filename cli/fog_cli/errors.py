"""Errors that end a command with one clear line instead of a traceback.

FogError
├── UsageError     exit code 2: the command line, the environment or a configuration file asks for what cannot be
└── CommandError   exit code 1: something went wrong at run time
"""

from __future__ import annotations


class FogError(Exception):
    """A message for a person: what is wrong, and what to do."""

    exit_code = 1


class UsageError(FogError):
    """The command line, the environment or a file asks for the impossible."""

    exit_code = 2


class CommandError(FogError):
    """It could have been, and went wrong."""


class AnswerError(CommandError):
    """An aggregator answers with an error.

    Args:
        text: The message.
        status: The HTTP status of the answer.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NotFoundError(AnswerError):
    """An aggregator knows no such thing."""
