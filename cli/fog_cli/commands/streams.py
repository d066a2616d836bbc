"""Creates the streams of frames, events, rollups, commands and leases, or says what is wrong with those that exist.

  fog streams apply
  fog streams apply --user admin --replicas 3 --max-bytes 20GiB
  fog streams apply --max-age 2d --dry-run
  fog streams apply --max-age 2d --update
  fog streams apply --path fog/0 --dry-run
  fog streams plan --nodes 20000 --series 100 --interval 10s --retention 3d

A stream that exists is never changed without --update, and then only in what is named here, or where counts depend on
it. --dry-run shows what would be done. Exit code 1 when a difference remains.

Names come from prefix and path (FOG_V1_METRICS, FOG_V1_METRICS_fog_0); one that exists under another name keeps it.
With --path a subtree gets streams of its own, of frames and of events. A stream that has its subjects already must let
go of them, with --update: subjects cannot be excluded, so it then takes what it has seen beside them, place by place.
FOG_PATH, which agents and aggregators read, says nothing here.

`plan` asks no server. It encodes the frames of such a fleet and prints what the streams need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import INTERVAL, PATH, PERIOD, SIZE, TEXT, WHOLE, choice
from fog_cli.config import REQUIRED, group, part
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings
from fog_schema.paths import Path, parse_path


@dataclass(frozen=True, slots=True)
class Wishes:
    """Settings of streams; those that are not given stay as they are in a stream that exists."""

    max_age: float | None = option(
        None,
        "how long messages are kept (3d), but for commands (90d); an aggregator's horizon is twice that at least",
        PERIOD,
        aliases=("--retention",),
    )
    max_bytes: int | None = option(None, "size of the stream of metrics, reserved at once (1GiB)", SIZE)
    max_event_bytes: int | None = option(None, "size of the stream of events, reserved at once (256MiB)", SIZE)
    max_rollup_bytes: int | None = option(None, "size of the stream of rollups, reserved at once (256MiB)", SIZE)
    max_per_subject: int | None = option(
        None,
        "frames, and events, that are kept of each node, so that a loud one takes no others' room; 0 for all",
        WHOLE,
    )
    replicas: int | None = option(None, "copies in a cluster: 1, 3 or 5 (1)", WHOLE)
    storage: str | None = option(None, "where streams lie (file)", choice("file", "memory"))


@dataclass(frozen=True, slots=True)
class Plan:
    """A fleet that streams are planned for."""

    nodes: int = option(1000, "of a plan: how many nodes", WHOLE)
    series: int = option(100, "of a plan: series of each node", WHOLE)
    interval: float = option(10.0, "of a plan: how often nodes send", INTERVAL)


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog streams`."""

    action: str = option(REQUIRED, "what to do", choice("apply", "plan"), positional=True)
    update: bool = switch("change what differs, where the server lets it be changed")
    dry_run: bool = switch("show what would be done, and do nothing")
    wishes: Wishes = part(Wishes)
    plan: Plan = part(Plan)
    subtree: Path = option(
        (), "make streams of this subtree alone, beside those of the rest", PATH, flag="--path", convert=parse_path
    )
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)


run: Final = later("fog_cli.actions.streams:streams")
"""0 when all streams are as they should be."""
