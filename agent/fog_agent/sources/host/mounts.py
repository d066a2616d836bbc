"""How full filesystems are, each asked by itself: a mount that nobody answers holds up no other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from fog_agent.sources.host.parse import Mount, MountState
from utilityfog_frontend.telemetry.support.asking import Asker, Question

PATIENCE: Final = 0.5
"""Seconds that a mount has to answer; one that has not is not asked again before it does."""


class MountQuestion(Question):
    """Asks one filesystem, which is mounted below a root."""

    __slots__ = ("_place", "stat")

    def __init__(self, mountpoint: str, root: str) -> None:
        super().__init__(mountpoint)
        self._place = root + mountpoint
        self.stat: os.statvfs_result | None = None

    def ask(self) -> bool:
        """Ask; a mount that is gone has no answer."""
        self.stat = None
        try:
            self.stat = os.statvfs(self._place)
        except OSError:
            return False
        return True

    def expire(self) -> None:
        """Do nothing: who reads it looks whether it has answered."""


class Mounts:
    """The filesystems of this machine. For one thread.

    Args:
        root: Where the machine's root is mounted, without a slash at its end; empty where that is our own.
    """

    def __init__(self, root: str = "") -> None:
        self._root = root
        self._asker = Asker("fog-agent-mounts")
        self._questions: dict[str, MountQuestion] = {}

    def ask(self, mounts: Iterable[Mount]) -> list[MountState]:
        """Return the state of each."""
        mounts = list(mounts)
        before = self._questions
        self._questions = {
            one.mountpoint: before.get(one.mountpoint) or MountQuestion(one.mountpoint, self._root) for one in mounts
        }
        self._asker.ask(list(self._questions.values()), PATIENCE)
        return [MountState(mount, *self._answer(self._questions[mount.mountpoint])) for mount in mounts]

    def _answer(self, question: MountQuestion) -> tuple[os.statvfs_result | None, bool]:
        late = question.outstanding
        return None if late else question.stat, late
