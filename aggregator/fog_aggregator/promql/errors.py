"""The ways in which a query fails, each with the error type of the Prometheus HTTP API.

QueryError
├── BadQueryError      `bad_data`: the expression or a parameter cannot be read
├── EvaluationError    `execution`: the expression was read, and its evaluation is not defined on these series
├── QueryTimeoutError  `timeout`: the evaluation took longer than it may
├── CanceledError      `canceled`: whoever evaluates it stops
└── UnavailableError   `unavailable`: there is nothing to evaluate it on yet, or nobody free to do so
"""

from __future__ import annotations

from typing import ClassVar


class QueryError(Exception):
    """A query that has no answer; the text is for the person who asked."""

    error_type: ClassVar[str] = "execution"


class BadQueryError(QueryError):
    """The expression or a parameter cannot be read."""

    error_type = "bad_data"


class EvaluationError(QueryError):
    """The evaluation is not defined on these series, or needs more than it may have."""


class QueryTimeoutError(QueryError):
    """The evaluation took longer than it may."""

    error_type = "timeout"


class CanceledError(QueryError):
    """The query was stopped before it had an answer."""

    error_type = "canceled"


class UnavailableError(QueryError):
    """There is nothing to evaluate the query on yet, or nobody is free to do so."""

    error_type = "unavailable"
