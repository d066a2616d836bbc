"""Go on from a checkpoint: the service and the simulator do it in the same way."""

from __future__ import annotations

from fog_aggregator.core.checkpoint import Image, restore
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet


class OtherScopeError(Exception):
    """A checkpoint is of another fleet, or of another part of it."""


def resume(engine: Engine, network: NetworkCollector, image: Image, now: float) -> None:
    """Let an aggregator that has read nothing go on from an image; an error changes nothing.

    Args:
        engine: The aggregator's.
        network: Shows its fleet; its lock is held meanwhile.
        image: A checkpoint's.
        now: Monotonic seconds.

    Raises:
        CheckpointError: The image is damaged.
        OtherScopeError: It is of another part of the tree, or of another fleet.
    """
    if image.scope != engine.scope_key:
        raise OtherScopeError
    fleet, events, ratchet = network.fleet.fresh(), network.events.fresh(), Ratchet()
    positions = restore(image, fleet, events, ratchet, engine.parts)
    with network.lock:
        network.adopt(fleet, events, ratchet)
        engine.resume(fleet, events, positions, now)
