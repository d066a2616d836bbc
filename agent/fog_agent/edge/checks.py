"""Refuse arguments of an agent that are of another type than they must be, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping

from fog_bus.nats.connection import Connection, NatsOptions
from fog_schema.limits import MAX_INTERVAL_MS, MIN_INTERVAL_MS
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.support import arguments


def check_arguments(collector: object, path: object, servers: object, given: Mapping[str, object]) -> None:
    """Refuse wrong types, and times out of bounds.

    Args:
        collector: The first argument of `Agent`.
        path: Where in the tree it publishes.
        servers: One text with addresses, or a sequence of such.
        given: The others that are checked, by their names; None is not given.

    Raises:
        TypeError: An argument is of another type.
        ValueError: A time is out of bounds.
    """
    arguments.instance("collector", collector, TelemetryCollector)
    arguments.text("path", path)
    if not isinstance(servers, str):
        for one in arguments.items("servers must be a text with addresses, or a sequence of such", servers):
            arguments.text("each of several servers", one)
    for name, value in given.items():
        if name == "interval":
            _check_interval(value)
        elif name == "deadline":
            arguments.seconds(name, value, zero=True)
        elif name == "prefix":
            arguments.text(name, value)
        elif name == "info":
            for key, fact in arguments.mapping(name, value).items():
                arguments.text(f"info {key!r}", fact)
        elif value is not None:
            _check_type(name, value)


def _check_type(name: str, value: object) -> None:
    if name == "connection":
        arguments.instance(name, value, Connection)
    elif name == "state_dir":
        arguments.path_of(name, value)
    elif name == "options" and not isinstance(value, NatsOptions) and not hasattr(value, "transport"):
        raise TypeError(f"options must be a NatsOptions, not {arguments.shown(value)}")


def _check_interval(value: object) -> None:
    seconds = arguments.seconds("interval", value)
    if not MIN_INTERVAL_MS / 1000 <= seconds <= MAX_INTERVAL_MS / 1000:
        raise ValueError(f"interval {arguments.shown(value)} is out of bounds: give seconds from 0.1 to 3600")
