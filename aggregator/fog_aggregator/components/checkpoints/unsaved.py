"""Tell whether an aggregator has what its last checkpoint does not have: an idle fleet is not written again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgpack
import numpy as np

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Position

Moment: TypeAlias = tuple[Mapping[str, Position], bytes]
"""How far the streams were read, and a digest of what changes beside."""
_BY_TIME: Final = "steps"
"""The part that goes on by time alone: after a restart the history refuses the steps that it has."""


class Unsaved:
    """Compare an aggregator with what it was when it was saved last.

    Only time may go on without being saved: after a restart, silent writers are closed as much later. Not thread-safe.

    Args:
        engine: Has read the streams.
        network: Shows its fleet.
    """

    def __init__(self, engine: Engine, network: NetworkCollector) -> None:
        self._engine = engine
        self._network = network
        self._positions: Mapping[str, Position] | None = None
        self._state = b""

    def saved(self, moment: Moment) -> None:
        """Note that a checkpoint of a moment was written."""
        self._positions, self._state = moment

    def moment(self) -> Moment:
        """Return what tells a checkpoint of now from others. Hold the fleet."""
        return self._engine.positions, self._fingerprint()

    def has_read(self) -> bool:
        """Tell whether anything was read since the last checkpoint. Takes no lock."""
        return self._engine.positions != self._positions

    def is_there(self) -> bool:
        """Tell whether there is anything to save. Hold the fleet."""
        return self.has_read() or self._fingerprint() != self._state

    def _fingerprint(self) -> bytes:
        """Digest what changes though nothing is read: how nodes live, what was exported, alerts and their receivers."""
        fleet = self._engine.fleet
        parts = {name: part.image() for name, part in self._engine.parts.items() if name != _BY_TIME}
        plain: list[Any] = [
            fleet.places_version,
            fleet.info_version,
            fleet.catalog.version,
            [fleet.slots_version(kind) for kind in fleet.kinds],
            np.bincount(self._network.lives()).tolist(),
            self._network.ratchet.raised,
            {name: part.plain for name, part in parts.items()},
        ]
        digest = hashlib.blake2b(msgpack.packb(plain), digest_size=16)
        for part in parts.values():
            for array in part.arrays.values():
                digest.update(np.ascontiguousarray(array).data)
        return digest.digest()
