"""Keeps alerts from webhooks, NATS and the log for a while; an Alertmanager has silences of its own, see `amtool`.

  fog silence add alertname=FogBranchSilent 'fog_path=~fog/0/.*' --duration 2h --comment 'new power supply'
  fog silence add FogNodesSilent --path fog/0 --start 2026-11-26T22:00:00Z --end 2026-11-27T02:00:00Z
  fog silence list
  fog silence expire 8f14e45f-ceea-467f-a9b3-0c1b7e9d2a55

Matchers are those of Alertmanager: = != =~ !~, and a word alone is an alert's name. A silence is for the alerts at and
under --path; those that name no place are silenced by a silence of their tree. `list` asks an aggregator, the others
need an operator's credential for NATS, which may publish commands to that path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILES, PATH, PERIOD, TEXT, Kind, choice
from fog_cli.api import ApiSettings
from fog_cli.config import REQUIRED, group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings

WORDS: Final = Kind("MATCHER|ID", FILES.parse, is_many=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog silence`."""

    action: str = option(REQUIRED, "what to do", choice("add", "list", "expire"), positional=True)
    words: tuple[str, ...] = option(
        (), "matchers of a silence to add, or ids of those to expire", WORDS, positional=True
    )
    path: str = option("fog", "the part of the tree that it is for", PATH)
    duration: float = option(3600.0, "how long it lasts, from its beginning on", PERIOD)
    start: str = option("", "when it begins, RFC 3339; when it is stored, if left out", TEXT)
    end: str = option("", "when it ends, RFC 3339, in place of --duration", TEXT)
    comment: str = option("", "why", TEXT)
    author: str = option("", "who; the user of this process, if left out", TEXT)
    expired: bool = switch("list those that are over, too")
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.actions.silence:silence")
"""0 when it is done."""
