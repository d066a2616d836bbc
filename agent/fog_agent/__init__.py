"""Drains a collector into frames and publishes them to NATS.

async with Agent(collector, path="fog/0/3", servers="nats://127.0.0.1:4222"):
    ...
"""

from fog_agent.agent import Agent
from fog_agent.background import BackgroundAgent
from fog_agent.options import NatsOptions

__all__ = ["Agent", "BackgroundAgent", "NatsOptions"]
