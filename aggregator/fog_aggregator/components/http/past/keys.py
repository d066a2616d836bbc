"""The parts that answer about the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from fog_aggregator.analysis.blame import Places
from fog_aggregator.components.past.past import Past


@dataclass(frozen=True, slots=True)
class PastApi:
    """The parts that answer.

    Attributes:
        past: reads the stream.
        places: the tree, and the levels that there is history of.
    """

    past: Past
    places: Places


PAST: Final = web.AppKey("past", PastApi)
