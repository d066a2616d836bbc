"""The table of the routes to the past."""

from __future__ import annotations

from typing import Final

from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.past import blame, changes, likeness, moments, unlike
from fog_aggregator.components.http.routes import Route

PAST_ROUTES: Final = (
    Route(
        "/api/at",
        "the collector as it was at a moment, or what has changed since an earlier one",
        moments.at,
        moments.PARAMETERS,
        "Moment",
        errors=(404, 503),
        reach=Reach.SUBTREE,
        below=True,
    ),
    Route(
        "/api/changes",
        "the metrics that have changed most, and where each change is",
        changes.changes,
        changes.PARAMETERS,
        "Changes",
        errors=(304, 404, 422, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/likeness",
        "the metrics of a place beside those of its siblings and of all places of its level, a page of them",
        likeness.like,
        likeness.PARAMETERS,
        "Likeness",
        errors=(304, 404, 422, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/unlike",
        "the metrics in which a child of a place is unlike its siblings, a page of them",
        unlike.unlike,
        unlike.PARAMETERS,
        "Unlike",
        errors=(304, 404, 422, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/blame",
        "which part of the tree a change comes from",
        blame.blamed,
        blame.PARAMETERS,
        "Blame",
        errors=(422, 503),
        reach=Reach.SUBTREE,
        below=True,
    ),
)
