"""Runs histories, alone or many at once, and makes a failing one short."""

from __future__ import annotations

import logging
import multiprocessing
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple
from unittest.mock import patch

from fog_proving import kernels
from fog_proving.sim.books import Violation
from fog_proving.sim.mutations import MUTATIONS, budget, clocks, engine, journal, quarantine, reader, tiers, writer
from fog_proving.sim.steps import History, Step, draw, shorten
from fog_proving.sim.world import START, World

__all__ = [
    "Failure",
    "Task",
    "budget",
    "clocks",
    "engine",
    "history",
    "journal",
    "quarantine",
    "reader",
    "run",
    "run_all",
    "shortest",
    "tiers",
    "trace",
    "writer",
]

_CHUNK = 25


class Task(NamedTuple):
    """One history to run, with a rule left out or none."""

    seed: int
    number: int
    mutation: str = ""


class Failure(NamedTuple):
    """A history that broke a promise."""

    task: Task
    why: str


def history(seed: int, number: int) -> History:
    """History `number` of a seed."""
    return draw(Random(f"{seed}/{number}"))


def run(steps: Sequence[Step], mutation: str = "") -> str:
    """Run a history to its rest; what went wrong, or nothing."""
    with _leaving_out(mutation):
        try:
            world = World()
            for step in steps:
                world.do(step)
            world.rest()
        except Violation as violation:
            return str(violation)
        except Exception as error:  # noqa: BLE001 - whatever the core raises, it should not have
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"{error!r} at {place.filename.rpartition('/')[2]}:{place.lineno}"
    return ""


def run_all(tasks: Iterable[Task], jobs: int = 0) -> Iterator[Failure | None]:
    """Run histories, on all processors unless `jobs` says how many; what went wrong with each, in their order."""
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1:
        yield from map(_run, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, logging.disable, (logging.CRITICAL,)) as pool:
        yield from pool.imap(_run, tasks, _CHUNK)


def shortest(failure: Failure) -> History:
    """Return the history with every step left out that is not needed to fail; at whatever it fails then."""
    task = failure.task
    return shorten(history(task.seed, task.number), lambda steps: bool(run(steps, task.mutation)))


def trace(steps: Sequence[Step], mutation: str = "") -> Iterator[str]:
    """Run a history step by step, and tell."""
    with _leaving_out(mutation):
        world = World()
        for step in steps:
            before = world.now
            try:
                world.do(step)
            except Violation as violation:
                yield f"{step}: {violation}"
                return
            yield f"{before - START:>12.3f}  {step.kind} {step.who} {step.how}: {world.text()}"
        try:
            world.rest()
        except Violation as violation:
            yield f"at rest: {violation}"


@contextmanager
def _leaving_out(mutation: str) -> Iterator[None]:
    """Leave a rule out, or none; with a rule numpy merges all frames, since kernels know no mutation."""
    chosen = None if mutation else kernels.KERNELS
    with MUTATIONS[mutation].applied(), patch.object(kernels, "KERNELS", chosen):
        yield


def _run(task: Task) -> Failure | None:
    why = run(history(task.seed, task.number), task.mutation)
    return Failure(task, why) if why else None
