"""Lets a branch that has lost counts count on: its growth from now on is added to what its root has of it.

  fog rebase fog/0 --why 'both lost their disks'

The branch's aggregators have lost their state, and its root's totals of it stand still. No number falls by this. A node
that is away now, and comes back, counts twice what it had counted before: wait for those that will. States of before
are not joined any more. An aggregator for which the branch has lost nothing does nothing, and says so in its log.
The command is kept by a stream, so that every aggregator and every replay agrees; it needs an operator's credential,
which may publish commands to that path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import PATH, TEXT
from fog_cli.config import REQUIRED, group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog rebase`."""

    path: str = option(REQUIRED, "the branch", PATH, positional=True)
    why: str = option("", "the reason, for people", TEXT)
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)


run: Final = later("fog_cli.actions.forget:rebase")
"""0 when the command is in the stream."""
