"""Agents after a fork: the child has what its parent's published, but no thread and no loop; so they begin anew.

A child that execs, or ends at once, or never counts, costs a thread that sleeps: an agent connects when there is
something to publish.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Final, Protocol
from weakref import WeakSet

from fog_agent.edge.thread import AgentThread
from fog_schema.paths import Path

log = logging.getLogger("fog_agent")

MOMENT: Final = 0.2
"""Seconds that a child is given to exec, to end, or to start an agent by itself."""
Key = tuple[int, Path]


class Forkable(Protocol):
    """An agent that runs."""

    @property
    def key(self) -> Key:
        """The collector, by its id, and the path: two agents with the same would count everything twice."""

    def forked(self, parent: int) -> AgentThread | None:
        """In a child of the process `parent`: let go of all that is the parent's, and begin anew, if it can."""


_running: Final[WeakSet[Forkable]] = WeakSet()
_process: Final = [os.getpid()]
"""The process that this is. A child may see its parent gone before it can ask who it was."""
_heirs: Final[dict[Key, tuple[Forkable, AgentThread]]] = {}
"""In a forked child, by key: an agent of the parent's, and the thread in which it begins anew."""


def note_running(agent: Forkable) -> None:
    """Have `agent` begin anew in every child that is forked from now on."""
    _running.add(agent)


def note_ended(agent: Forkable) -> None:
    """Let children have nothing of `agent` any more."""
    _running.discard(agent)


def make_way(agent: Forkable) -> AgentThread | None:
    """Return the thread that publishes the same since a fork, if there is one: it gives way to a start by hand."""
    _, heir = _heirs.get(agent.key, (None, None))
    if heir is None or heir.runs(agent):
        return None
    del _heirs[agent.key]
    return heir


def _in_child() -> None:
    """Run in a forked child, after its collectors have begun to count from zero."""
    parent, _process[0] = _process[0], os.getpid()
    inherited = {agent.key: agent for agent in list(_running)}
    for key, (agent, thread) in _heirs.items():
        if thread.waits:
            inherited.setdefault(key, agent)
        thread.abandon()
    _running.clear()
    _heirs.clear()
    for key, agent in inherited.items():
        try:
            heir = agent.forked(parent)
        except Exception:
            log.exception("an agent cannot begin anew in a forked process: start one there")
            continue
        if heir is not None:
            _heirs[key] = agent, heir
    if _heirs:
        waiting = [thread for _, thread in _heirs.values()]
        try:
            threading.Thread(target=_begin_when_needed, args=(waiting,), name="fog-forked", daemon=True).start()
        except RuntimeError:  # the interpreter is about to end, and will ask for the last counts
            log.debug("no thread can begin in this forked process")


def _begin_when_needed(waiting: list[AgentThread]) -> None:
    pause = MOMENT
    while waiting:
        time.sleep(pause)
        waiting = [thread for thread in waiting if not thread.begin_if_needed()]
        pause = min([2 * pause, *(thread.agent.interval for thread in waiting)])


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_in_child)
