"""Problems as a list: firing, pending, silenced, over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fog_cli.words.numbers import DASH, clock, count, span
from fog_cli.words.problems import Problem, Problems, place_of, when
from fog_cli.words.spark import SIGNS
from fog_cli.words.table import Column, table
from fog_cli.words.text import Line, Span, printable

_COLUMNS: Final = (
    Column(""),
    Column("alert"),
    Column("place"),
    Column("since"),
    Column("", right=True),
    Column("value"),
    Column("facts"),
)
_NO_LIMIT: Final = 2**31


def headline(problems: Problems) -> str:
    """Say how many problems of each kind there are, or that none may begin."""
    if problems.held_back:
        return f"Held: not ready. None fires or resolves: {problems.held_back}"
    numbers = (problems.fired, "firing"), (problems.pending, "pending"), (problems.silenced, "silenced")
    return ", ".join(f"{count(len(some))} {name}" for some, name in numbers)


def alert_lines(problems: Problems, now: float) -> Iterator[Line]:
    """Return all of it as lines, with a heading over each list."""
    yield [(headline(problems), "bold")]
    if not problems.fired:
        yield [("Nothing fires here.", "")]
    for name, rows in groups(problems, now).items():
        if rows:
            yield []
            yield [(name, "bold")]
            yield from table(_COLUMNS, rows)


def groups(problems: Problems, now: float, most: int = _NO_LIMIT) -> Mapping[str, Sequence[Sequence[Span]]]:
    """Return the rows of each list; places take at most so many cells."""
    return {
        "Firing": [_row(one, now, most) for one in problems.fired],
        "Not live": [_row(one, now, most) for one in problems.not_live],
        "Pending": [_row(one, now, most) for one in problems.pending],
        "Silenced": [_row(one, now, most) for one in problems.silenced],
        "Resolved": [_over(one) for one in problems.resolved],
    }


def sign_of(problem: Problem) -> Span:
    """Return the sign of a problem's severity, with its number."""
    return (f"{SIGNS[problem.severity]} {problem.number or ''}".rstrip(), problem.severity)


def _row(problem: Problem, now: float, most: int) -> list[Span]:
    return [
        sign_of(problem),
        (problem.title, "bold"),
        (place_of(problem, most), ""),
        (when(problem, now), ""),
        (_side(problem, now), "faint"),
        (problem.value, ""),
        (problem.text, ""),
    ]


def _side(problem: Problem, now: float) -> str:
    if until := problem.answer.get("silenced_until"):
        return f"{span(until - now)} left"
    if problem.fires_at:
        return f"fires in {span(max(0.0, problem.fires_at - now))}"
    joined = problem.answer.get("alerts", 0) + sum(problem.answer.get("suppressed", {}).values())
    return f"{count(joined)} alerts" if joined > 1 else ""


def _over(one: Mapping[str, Any]) -> list[Span]:
    ended = f"{clock(one['since'], 2)}{DASH}{clock(one['until'], 2)}"
    return [
        (SIGNS["ended"], "ended"),
        (printable(one["title"]), ""),
        (one["path"] or "the fleet", ""),
        (ended, "faint"),
        *[("", "")] * 3,
    ]
