"""Retires the departed nodes at and under a path now, instead of after the horizon.

  fog forget fog/0/3

Their counts stay in every total, in the group ~retired below the path; a node that comes back counts on above them. The
command is kept by a stream, so that every aggregator and every replay agrees; it needs an operator's credential, which
may publish commands to that path. Nodes that have retired, and are missing as an aggregator has learned them
(`--expect learned`), are expected no more. An aggregator is asked whether it knows that path, in
case it is mistyped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import PATH, TEXT
from fog_cli.api import ApiSettings
from fog_cli.config import REQUIRED, group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog forget`."""

    path: str = option(REQUIRED, "the node, or the root of a subtree", PATH, positional=True)
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.actions.forget:forget")
"""0 when the command is in the stream."""
