"""Writing a checkpoint, ended by kill -9 before each single step of it: there is always a whole one, old or new."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from fog_aggregator.components.checkpoints.files import CheckpointFiles
from fog_aggregator.core.checkpoint import Image, take_image
from fog_aggregator.core.checkpoint_keeper import KEPT
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.query.ratchet import Ratchet
from fog_bus.ports import Position

STEPS = frozenset({"open", "write", "flush", "fsync", "close", "replace", "scandir", "unlink"})
"""Calls that reach the file system."""


def image(number: int) -> Image:
    """Return a small checkpoint that can be told from others."""
    return take_image(Fleet(), EventList(), Ratchet(), {"S": Position("then", number, 0)}, ("fog.v1", (), ()))


def newest(directory: Path) -> int:
    """Return the number of the image that the next aggregator would go on from; 0 without one."""
    with CheckpointFiles(directory) as files:
        found = files.load(lambda image: image)
    return 0 if found is None else found.plain["streams"]["S"][1]


def with_each_step(work: Callable[[], object], about_to: Callable[[str], None]) -> None:
    """Do some work; before each of its steps, which is about to be done is told."""

    def profile(_frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__ in STEPS:
            about_to(argument.__name__)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)


def dies_at(step: int, prepare: Callable[[], Callable[[], object]]) -> bool:
    """Do some work in a child that is killed before its `step`-th step; whether it was, and not done before.

    `prepare` runs in the child and returns the work; its own steps are not counted.
    """
    child = os.fork()
    if child == 0:
        before = iter(range(step))

        def count(_name: str) -> None:
            if next(before, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        with_each_step(prepare(), count)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_kill_at_each_step_of_writing(tmp_path: Path) -> None:
    """However far it came, the newest checkpoint is whole: the one before, or from some step on the new one."""
    with CheckpointFiles(tmp_path) as files:
        files.save(image(0))
    last, outcomes = 0, ""

    def saving() -> Callable[[], object]:
        files = CheckpointFiles(tmp_path)  # looks at every checkpoint that is left: so many steps have no end
        return lambda: files.save(image(last + 1))

    while dies_at(len(outcomes), saving):
        found = newest(tmp_path)
        assert found in (last, last + 1)
        outcomes += "o" if found == last else "n"
        last = found
        assert not list(tmp_path.glob("*.corrupt"))
    assert newest(tmp_path) == last + 1
    assert sorted(path.suffix for path in tmp_path.glob("checkpoint-*")) == [".fog"] * KEPT
    assert outcomes.strip("o").strip("n") == "", "once a step has made it the new one, no later step takes it back"
    assert "o" in outcomes
    assert "n" in outcomes


def test_the_order_that_a_power_failure_needs(tmp_path: Path) -> None:
    """The file is on the disk before it has its name, its name before older files go."""
    steps: list[str] = []
    with CheckpointFiles(tmp_path) as files:
        for number in range(KEPT):
            files.save(image(number))
        with_each_step(lambda: files.save(image(9)), steps.append)
    order = [step for step in steps if step in {"fsync", "replace", "unlink"}]
    assert order == ["fsync", "replace", "fsync", "unlink"]
