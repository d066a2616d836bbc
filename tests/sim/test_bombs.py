"""The simulator drives the product's own deciding objects: an exception in any of their methods shows."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Any, NoReturn
from unittest.mock import patch

import pytest

from fog_agent.core.publisher import Publisher
from fog_aggregator.components.rollup.replica import Replica
from fog_aggregator.core.checkpoint_keeper import CheckpointKeeper, SavingSchedule
from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.engine import Engine
from fog_proving.sim.run import history, run

SEED = 1
HISTORIES = (0, 11, *range(1, 300))
"""Number 11 has what the first ones have not: to look at it early saves the ten between."""
DECIDERS: tuple[type, ...] = (Publisher, Engine, StreamCursor, CheckpointKeeper, SavingSchedule, Replica)
"""The classes whose public methods decide what agents and aggregators do."""


def public_methods(decider: type) -> Iterator[tuple[type, str]]:
    """Every public method and property of a class, with the class."""
    yield from ((decider, name) for name in vars(decider) if not name.startswith("_"))


@functools.cache
def holds(number: int) -> bool:
    """Say whether the history keeps its promises without a bomb; most bombs break the same few."""
    return not run(history(SEED, number))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the log of failing histories out of the test's."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.mark.parametrize(
    ("decider", "name"),
    [pytest.param(*pair, id=f"{pair[0].__name__}.{pair[1]}") for one in DECIDERS for pair in public_methods(one)],
)
def test_an_exception_in_a_method_is_seen(decider: type, name: str) -> None:
    """With a bomb in the method, one of 300 histories breaks that does not break without it."""

    def explode(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a bomb")

    bomb = property(explode) if isinstance(vars(decider)[name], property) else explode
    with patch.object(decider, name, bomb):
        broken = next((number for number in HISTORIES if run(history(SEED, number))), None)
    assert broken is not None
    assert holds(broken)
