"""Creates the streams of frames, events, rollups and commands, or says how those that exist differ from what is needed.

  fog streams apply
  fog streams apply --user admin --replicas 3 --max-bytes 20GiB
  fog streams apply --update
  fog streams apply --max-per-subject 1000

A stream that exists is never changed without --update. With --max-per-subject a node that is flooding keeps no more
messages in the streams than that, and an aggregator that was away for longer than a node takes for so many gets the
newest of them (docs/permissions.md, "Fairness"). Exit code 1 when a difference remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import PERIOD, SIZE, TEXT, WHOLE, choice
from fog_cli.config import REQUIRED, group
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog streams`."""

    action: str = option(REQUIRED, "what to do", choice("apply"), positional=True)
    update: bool = switch("change what differs, where the server lets it be changed")
    max_age: float = option(
        3 * 86400.0,
        "how long messages are kept, but for commands (90 days); an aggregator's horizon is twice that",
        PERIOD,
    )
    max_bytes: int = option(2**30, "size of the stream of metrics, reserved at once", SIZE)
    max_event_bytes: int = option(2**28, "size of the stream of events, reserved at once", SIZE)
    max_rollup_bytes: int = option(2**28, "size of the stream of rollups, reserved at once", SIZE)
    max_per_subject: int = option(
        0, "frames, and events, that are kept of each node, so that a loud one takes no others' room; 0 for all", WHOLE
    )
    replicas: int = option(1, "copies in a cluster: 1, 3 or 5", WHOLE)
    storage: str = option("file", "where streams lie", choice("file", "memory"))
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)


run: Final = later("fog_cli.actions.streams:apply_streams")
"""0 when all streams are as they should be."""
