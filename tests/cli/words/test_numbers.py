"""Numbers and paths are shown as on the page: by the same cases that its own modules are tried with."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fog_cli.words import numbers, paths
from tests.page.test_modules import NUMBERS, PATHS


class Joined(tuple[str, ...]):
    """Two texts, with the method that JavaScript has."""

    __slots__ = ()

    def join(self, between: str) -> str:
        """Join them."""
        return between.join(self)


def string(value: Any) -> str:
    """Write a value as JavaScript does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


NAMES = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "String": string,
    "figure": lambda *given: Joined(numbers.figure(*given)),
    "unitOf": numbers.unit_of,
    "twoDigits": numbers.two_digits,
    "isUnder": paths.is_under,
    **{name: getattr(numbers, name) for name in ("count", "digits", "span", "change", "share")},
    **{name: getattr(paths, name) for name in ("shortened", "common", "matcher")},
}
CASES = {case: text for case, text in (NUMBERS | PATHS).items() if ".repeat(" not in case}


@pytest.mark.parametrize("case", CASES)
def test_a_case_of_the_page(case: str) -> None:
    """The very expression, with the functions of commands."""
    assert eval(case, dict(NAMES)) == CASES[case]  # noqa: S307 - our own cases


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (numbers.count(None), "–"),  # noqa: RUF001 - a dash
        (numbers.count(-0.2), "0"),
        (numbers.digits(99.96), "100"),
        (numbers.digits(0.00001), "1.0e−5"),  # noqa: RUF001 - a minus
        (numbers.digits(1e300)[:3], "1,0"),
        (numbers.with_unit(3.4e9, "B/s"), "3.4 GB/s"),
        (numbers.with_unit(None, "s"), "–"),  # noqa: RUF001 - a dash
        (numbers.with_unit(0.00005, "s"), "50 µs"),
        (numbers.with_unit(1234567), "1.23 M"),
        (numbers.span(math.nan), "–"),  # noqa: RUF001 - a dash
        (numbers.span(math.inf), "∞"),
        (numbers.span(59.6 * 60), "1 h"),
        (numbers.change(None, 1), ""),
        (numbers.share(0, 0), "–"),  # noqa: RUF001 - a dash
        (numbers.clock(None), "never"),
        (numbers.clock(1e300), "never"),
        (numbers.many(1, "node"), "1 node"),
        (numbers.many(2, "child", "children"), "2 children"),
        (paths.shortened(f"fog/{'x' * 40}/middle/rack/host", 24), "fog/…/rack/host"),
        (paths.quoted("a.b|c"), r"a\.b\|c"),
    ],
)
def test_at_the_edge(shown: str, text: str) -> None:
    """A number that is not known is a dash, a moment that no calendar has is never; nothing raises."""
    assert shown == text
