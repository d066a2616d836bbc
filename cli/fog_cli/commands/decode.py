"""Prints frames for a person: one from a file, or those of a path as they pass by on the bus.

  fog decode frame.bin
  fog decode - < frame.bin
  fog decode --path fog/0/3 --nats nats://127.0.0.1:4222
  fog decode --path fog/0 --rollups

The keyframe before a delta defines its ids; a delta alone is printed with numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, PATH, TEXT
from fog_cli.config import group
from fog_cli.errors import UsageError
from fog_cli.later import later
from fog_cli.nats_settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog decode`."""

    file: str = option("", "a frame, - for standard input", FILE, positional=True)
    path: str = option("", "print the frames of this path as they pass by", PATH)
    rollups: bool = switch("print the totals of the subtree at the path instead, as its aggregator sends them")
    prefix: str = option("fog.v1", "what subjects begin with", TEXT)
    nats: NatsSettings = group(NatsSettings)


_print_file: Final = later("fog_cli.actions.decode:print_file")
_follow: Final = later("fog_cli.actions.decode:follow")


def run(settings: Settings) -> int:
    """Print one frame, or all that pass by until Ctrl-C."""
    if settings.rollups and not settings.path:
        raise UsageError("say whose rollups to print: --rollups goes with --path fog/0")
    if not settings.file and not settings.path:
        raise UsageError("say what to print: either a FILE (- for standard input), or --path fog/0/3")
    return _print_file(settings.file) if settings.file else _follow(settings)
