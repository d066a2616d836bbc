"""Where NATS is, read as every NATS tool reads it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fog_bus.nats.options import NatsChoice, NatsLogin, NatsOptions, NatsOptionsError
from fog_cli.errors import UsageError


@dataclass(frozen=True, kw_only=True, repr=False)
class NatsSettings(NatsLogin, NatsChoice):
    """The options of the group `[nats]`; those that are not given are left to the context, then to the defaults."""

    def options(self, name: str) -> NatsOptions:
        """Return the options of a connection; the server shows `name` in its list of connections.

        Raises:
            UsageError: when the options cannot work.
        """
        given: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        context, servers = given.pop("context"), given.pop("url")
        given = {key: value for key, value in given.items() if value is not None} | {"name": name}
        if servers is not None:
            given["servers"] = servers
        try:
            if context is None:
                return NatsOptions(**given)
            base = NatsOptions.from_context(context)
            known = {entry.name: getattr(base, entry.name) for entry in fields(base)}
            return NatsOptions(**(known | given))
        except NatsOptionsError as error:
            raise UsageError(str(error)) from None
