"""Name what an application knows of the page's answers."""

from __future__ import annotations

from typing import Any, Final, Protocol

from aiohttp import web

from fog_aggregator.components.http.page.feed import Feed
from fog_aggregator.components.http.prometheus.ports import RulesStatus
from fog_aggregator.query.listing.columns import Shape
from fog_schema.paths import Path


class Layers(Protocol):
    """Give one value for each node of a tree."""

    async def layer(self, request: web.Request, shape: Shape, metric: str, *, precise: bool) -> dict[str, Any]:
        """Return a layer as plain values.

        Raises:
            HTTPException: There is no such metric, or it cannot be evaluated.
        """


LAYERS: Final[web.AppKey[Layers]] = web.AppKey("layers")


class KnownShapes:
    """Remember the shapes of trees that were asked for last: states change all the time, and places seldom."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._shapes: dict[Path, Shape] = {}

    def get(self, under: Path) -> Shape | None:
        """Return what was remembered of a path, if anything was. Any thread may ask."""
        return self._shapes.get(under)

    def keep(self, shape: Shape) -> None:
        """Remember a shape in place of the oldest one."""
        shapes = dict(self._shapes)
        shapes.pop(shape.under, None)
        shapes[shape.under] = shape
        self._shapes = dict(list(shapes.items())[-self._most :])


SHAPES: Final = web.AppKey("shapes", KnownShapes)
RULES: Final[web.AppKey[RulesStatus]] = web.AppKey("rules")
FEED: Final = web.AppKey("feed", Feed)
