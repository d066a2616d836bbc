"""The bound beyond which a quantile's change is looked for."""

from __future__ import annotations

import pytest

from fog_aggregator.analysis.expressions import dividing_bound


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (0.3, 3.0, "0.5"),  # observations above the old bucket became more
        (0.3, 0.4, "0.1"),  # it rose within its bucket: of that one and those above
        (3.0, 0.3, "1.0"),  # fewer lie where it was
        (0.05, 0.07, ""),  # nothing lies below the first bucket: all observations
        (0.5, 3.0, "0.5"),
        (9.0, 9.0, "4"),
    ],
)
def test_a_change_is_looked_for_beyond_the_old_value(before: float, now: float, expected: str) -> None:
    """At the bound that parts what became more, or fewer, from the rest, as its label has it."""
    assert dividing_bound(["+Inf", "0.1", "0.5", "1.0", "4"], before, now) == expected
