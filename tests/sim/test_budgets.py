"""The rules about memory: a path that hoards loses nothing that was let in, and what it took comes back."""

from __future__ import annotations

from typing import Final

import pytest

from fog_proving.sim.books import Violation
from fog_proving.sim.quiet import hoard
from fog_proving.sim.run import budget, run
from fog_proving.sim.steps import Step

HOARDING: Final = (Step("fog"), Step("spawn"), Step("count"), Step("beat"))
"""A history that ends with a program that hoards beside another one."""
STEPPED: Final = (
    *(Step("fog", 61700, 48879), Step("spawn", 2726, 44439), Step("clock", 6741, 971), Step("outage", 40508, 35923)),
    *(Step("outage", 6209, 24727), Step("outage", 5580, 45080), Step("flow", 34934, 7621), Step("clock", 51533, 13250)),
)
"""A history that hoards where a replica lags, and no message leaves the stream: the first one bears a far date."""
RULES: Final = tuple(
    name.replace("_", "-") for name, one in vars(budget).items() if getattr(one, "__module__", "") == budget.__name__
)


def test_a_history_ends_with_a_path_that_hoards(monkeypatch: pytest.MonkeyPatch) -> None:
    """And breaks no promise; it is a part of the history, since an impossible number is seen."""
    assert run(HOARDING) == ""
    monkeypatch.setattr(hoard, "FEW", hoard.MANY)
    with pytest.raises(Violation, match="of a path that hoards are let in"):
        raise Violation(run(HOARDING))


def test_horizons_pass_where_a_replica_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long wait its reader needs a second interval to read on; time that nobody reads in is no horizon."""
    assert run(STEPPED) == ""
    monkeypatch.setattr(hoard, "BEATS", 1)
    assert "was let go of with None of 4 counts" in run(STEPPED)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_left_out_is_caught(name: str) -> None:
    """Each rule about memory."""
    assert run(HOARDING, name)
