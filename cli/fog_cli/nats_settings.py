"""Where NATS is, said as every NATS tool understands it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from fog_cli.config import option
from fog_cli.errors import UsageError
from fog_cli.kinds import FILE, SECRET, TEXT, URLS

if TYPE_CHECKING:
    from fog_bus.nats.options import NatsOptions


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """The options of the group ``[nats]``; what is not given is left to the context, then to the defaults."""

    url: tuple[str, ...] | None = option(
        None, "NATS server, or several", URLS, flag="--nats", aliases=("--server",), environ=("NATS_URL",)
    )
    context: str | None = option(
        None, "context of the nats command line tool to use", TEXT, flag="--context", environ=("NATS_CONTEXT",)
    )
    creds: str | None = option(None, "credentials file", FILE, flag="--creds", environ=("NATS_CREDS",))
    nkey: str | None = option(None, "file with the seed of an nkey", FILE, flag="--nkey", environ=("NATS_NKEY",))
    user: str | None = option(None, "user name", TEXT, flag="--user", environ=("NATS_USER",))
    password: str | None = option(
        None, "password; better in the environment", SECRET, flag="--password", environ=("NATS_PASSWORD",)
    )
    token: str | None = option(
        None, "token; better in the environment", SECRET, flag="--token", environ=("NATS_TOKEN",)
    )
    tls_ca: str | None = option(None, "certificates to trust", FILE, flag="--tlsca", environ=("NATS_CA",))
    tls_cert: str | None = option(None, "our certificate", FILE, flag="--tlscert", environ=("NATS_CERT",))
    tls_key: str | None = option(None, "the certificate's key", FILE, flag="--tlskey", environ=("NATS_KEY",))
    inbox_prefix: str | None = option(
        None, "first tokens of the subjects that answers come to", TEXT, flag="--inbox-prefix"
    )
    jetstream_domain: str | None = option(None, "JetStream domain behind leaf nodes", TEXT, flag="--js-domain")

    def options(self, name: str) -> NatsOptions:
        """Return the options of a connection; `name` is shown in the server's list of connections.

        Raises:
            UsageError: when the options cannot work.
        """
        from fog_bus.nats.options import (
            NatsOptions,
            NatsOptionsError,
        )  # with it comes nats-py, which --help can do without

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
