"""Takes all that a path and those below it have counted out of everything that is shown, or in again.

  fog quarantine fog/0/3 --why 'counts in the wrong unit'
  fog quarantine fog/0/3 --lift
  fog quarantine --list

Nothing is read of the path meanwhile: its frames are counted and dropped. A total falls when something is taken out of
it. With --lift it counts again with what was known, false counts too, and its writers are asked for what they have
counted since. The command is kept by a stream, so that every aggregator and every replay agrees; it needs an
operator's credential, which may publish commands to that path. --list asks an aggregator; a quarantine asks whether it
knows that path, in case it is mistyped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import PATH, TEXT
from fog_cli.api import ApiSettings
from fog_cli.config import group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog quarantine`."""

    path: str = option("", "the node, or the root of a subtree", PATH, positional=True)
    why: str = option("", "the reason, for people", TEXT)
    lift: bool = switch("take it in again")
    list: bool = switch("list what is in quarantine")
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.actions.quarantine:quarantine")
"""0 when it is done."""
