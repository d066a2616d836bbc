"""Drains a collector into frames and publishes them to NATS.

async with Agent(collector, path="fog/0/3", servers="nats://127.0.0.1:4222"):
    ...
"""

from fog_agent.edge.agent import Agent
from fog_agent.edge.background import BackgroundAgent
from fog_bus.nats.options import NatsOptions

__all__ = ["Agent", "BackgroundAgent", "NatsOptions"]
