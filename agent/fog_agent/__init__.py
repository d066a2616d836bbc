"""Drain a collector into frames and publish them to NATS.

async with Agent(collector, path="fog/0/3", servers="nats://127.0.0.1:4222"):
    ...

The names are imported when they are asked for: options and the core are of use without nats-py.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fog_agent.edge.agent import Agent
    from fog_agent.edge.background import BackgroundAgent
    from fog_bus.nats.options import NatsOptions

__all__ = ["Agent", "BackgroundAgent", "NatsOptions"]

_HOMES = {
    "Agent": "fog_agent.edge.agent",
    "BackgroundAgent": "fog_agent.edge.background",
    "NatsOptions": "fog_bus.nats.options",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
