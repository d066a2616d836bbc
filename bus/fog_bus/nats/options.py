"""Where NATS is and who we are there, as the nats command line tool understands it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from fog_bus.options import option
from fog_bus.options.kinds import FILE, SECRET, SWITCH, TEXT, URLS, hides_login

if TYPE_CHECKING:
    import ssl

DEFAULT_SERVER: Final = "nats://127.0.0.1:4222"
_SCHEMES: Final = ("nats", "tls", "ws", "wss")
# A context's key and ours. Others (colours, descriptions, …) are the command line tool's own business.
_CONTEXT_KEYS: Final = {
    "token": "token",
    "user": "user",
    "password": "password",
    "creds": "creds",
    "nkey": "nkey",
    "cert": "tls_cert",
    "key": "tls_key",
    "ca": "tls_ca",
    "jetstream_domain": "jetstream_domain",
    "inbox_prefix": "inbox_prefix",
}
# Ways to log in that nats-py has not: silently leaving them out would look like a wrong password.
_CONTEXT_UNSUPPORTED: Final = ("nsc", "user_jwt", "user_seed", "windows_cert_store")
_INBOX_PREFIX: Final = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")


class NatsOptionsError(ValueError):
    """The options cannot work; the message is one line that says what to do."""


@dataclass(frozen=True, kw_only=True)
class NatsChoice:
    """Where NATS is: addresses, or a context of the nats command line tool. Read by commands, see `NatsOptions`."""

    url: tuple[str, ...] | None = option(
        None, "NATS server, or several", URLS, flag="--nats", aliases=("--server",), environ=("NATS_URL",)
    )
    context: str | None = option(
        None, "context of the nats command line tool to use", TEXT, flag="--context", environ=("NATS_CONTEXT",)
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class NatsLogin:
    """Our identity at NATS, and how to speak to it."""

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
    tls_first: bool = option(
        False,  # noqa: FBT003 - the default
        "the server waits for the TLS handshake before its first word (handshake_first)",
        SWITCH,
        flag="--tlsfirst",
    )
    inbox_prefix: str | None = option(
        None, "first tokens of the subjects that answers come to", TEXT, flag="--inbox-prefix"
    )
    jetstream_domain: str | None = option(None, "JetStream domain behind leaf nodes", TEXT, flag="--js-domain")


@dataclass(frozen=True, kw_only=True, repr=False)
class NatsOptions(NatsLogin):
    """How to connect. Its text never shows a secret.

    Args:
        servers: Addresses (`nats://`, `tls://`, `ws://`, `wss://` or plain `host:port`); one is enough, as a
            cluster tells the others. A user and password in an address are used for every server. One `tls://` or
            `wss://`, as any of the TLS files, asks for TLS everywhere: a server that has none is told nothing.
        creds: Credentials file (a JWT and its seed). Needs the package `nkeys`, as does `nkey`.
        nkey: File with an nkey's seed.
        tls_ca: File with the certificates to trust instead of the system's.
        tls_cert: Our own certificate, with `tls_key`.
        tls_first: Shake hands before the server's first word, as its `handshake_first` asks for; nothing is ever plain.
        name: Our name in the server's list of connections.
        inbox_prefix: First tokens of the subjects that answers come to; what the server lets us subscribe to.
        jetstream_domain: JetStream domain to speak to, behind leaf nodes.

    Raises:
        NatsOptionsError: An address is not one, a file is missing, two options exclude each other.
    """

    servers: tuple[str, ...] = (DEFAULT_SERVER,)
    name: str | None = None

    def __post_init__(self) -> None:
        self._check_types()
        if not self.servers:
            raise NatsOptionsError("no NATS server named: give an address such as nats://127.0.0.1:4222")
        has_login = any("@" in server for server in self.servers)
        for server in self.servers:
            _check_address(server, has_login=has_login)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise NatsOptionsError("a TLS certificate needs its key and the key its certificate: give both or neither")
        if self.wants_tls and "ws" in self._schemes:
            raise NatsOptionsError("TLS was asked for, and ws:// has none: write wss://, or ask for none")
        if self.inbox_prefix is not None and _INBOX_PREFIX.fullmatch(self.inbox_prefix) is None:
            raise NatsOptionsError(
                f"inbox prefix {self.inbox_prefix!r} is not allowed: write tokens joined by dots, as in _INBOX.fog"
            )
        for file in (self.creds, self.nkey, self.tls_ca, self.tls_cert, self.tls_key):
            if file is not None and not Path(file).is_file():
                raise NatsOptionsError(f"{file}: no such file")
        if (self.creds or self.nkey) and find_spec("nkeys") is None:
            raise NatsOptionsError(
                "credentials and nkeys need the package nkeys: pip install 'utilityfog-telemetry[creds]'"
            )
        if self.wants_websockets and find_spec("aiohttp") is None:
            raise NatsOptionsError("ws:// and wss:// need the package aiohttp: install it, or give a nats:// address")

    def _check_types(self) -> None:
        servers: object = self.servers
        if not isinstance(servers, tuple | list) or not all(isinstance(one, str) for one in servers):
            raise NatsOptionsError(
                "servers must be texts in a tuple; NatsOptions.parse takes one text with all of them"
            )
        if not isinstance(self.tls_first, bool):
            raise NatsOptionsError(f"tls_first must be True or False, not {type(self.tls_first).__name__}")
        for name in {"name", *(one.name for one in fields(NatsLogin))} - {"tls_first"}:
            value: object = getattr(self, name)
            if not isinstance(value, str | Path | None):
                raise NatsOptionsError(f"{name} must be a text, not {type(value).__name__}")

    def __repr__(self) -> str:
        return f"NatsOptions({self.where})"

    @property
    def wants_tls(self) -> bool:
        """Whether no server may be spoken to without TLS: one address with it, or a TLS file, asks for it everywhere.

        User and password go to every server, those too that a cluster tells of.
        """
        return bool(self.tls_ca or self.tls_cert or self.tls_first or self._schemes & {"tls", "wss"})

    @property
    def wants_websockets(self) -> bool:
        """Whether one of the addresses is that of a WebSocket."""
        return bool(self._schemes & {"ws", "wss"})

    @property
    def _schemes(self) -> set[str]:
        return {_parts(server).scheme for server in self.servers}

    @property
    def where(self) -> str:
        """The servers for people: without users and passwords."""
        return ", ".join(map(redacted, self.servers))

    @property
    def who(self) -> str:
        """As whom a connection logs in, for people: no secret."""
        login = {key: value for key, value in self.login().items() if value}
        if file := login.get("user_credentials") or login.get("nkeys_seed"):
            return f"the user of {file}"
        if user := login.get("user"):
            return f"user {user}"
        return "this token" if login else "a client without credentials"

    @classmethod
    def parse(cls, servers: str, **others: Any) -> NatsOptions:
        """Options from addresses separated by commas, as people write them in `--nats` and `NATS_URL`."""
        return cls(servers=_split(servers), **others)

    @classmethod
    def from_context(cls, name: str, config_home: Path | None = None) -> NatsOptions:
        """Read a context of the nats command line tool: `nats/context/NAME.json`.

        Args:
            name: The context's name.
            config_home: Where `nats/` lies. Default: `$XDG_CONFIG_HOME`, else `~/.config`.

        Raises:
            NatsOptionsError: No such context, not JSON, or a way to log in that is not supported.
        """
        home = config_home or Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        file = home / "nats" / "context" / f"{name}.json"
        try:
            context = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise NatsOptionsError(f"no NATS context {name!r}: cannot read {file} ({error.strerror})") from error
        except ValueError as error:
            raise NatsOptionsError(f"NATS context {file} is not JSON: {error}") from error
        if not isinstance(context, dict):
            raise NatsOptionsError(f"NATS context {file} is not a JSON object")
        for key in _CONTEXT_UNSUPPORTED:
            if context.get(key):
                raise NatsOptionsError(f"NATS context {file} has {key!r}, which is not supported: use creds or nkey")
        values = {ours: str(context[key]) for key, ours in _CONTEXT_KEYS.items() if context.get(key)}
        for file_option in ("creds", "nkey", "tls_ca", "tls_cert", "tls_key"):
            if file_option in values:
                values[file_option] = str(Path(values[file_option]).expanduser())
        return cls.parse(str(context.get("url") or DEFAULT_SERVER), **values)

    def login(self) -> dict[str, Any]:
        """Arguments of nats-py's `connect` that say who we are; those in an address when there are no others."""
        login = {
            "user": self.user,
            "password": self.password,
            "token": self.token,
            "user_credentials": self.creds,
            "nkeys_seed": self.nkey,
        }
        if any(login.values()):
            return login
        return next(filter(None, map(_login_in, self.servers)), {})

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context, None when nothing asks for one of ours; a server that wants TLS gets the system's."""
        if self.tls_ca is None and self.tls_cert is None:
            return None
        import ssl  # 10 ms, which `--help` can do without

        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_cert is not None:
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except ssl.SSLError as error:
            files = ", ".join(filter(None, (self.tls_ca, self.tls_cert, self.tls_key)))
            raise NatsOptionsError(f"cannot use TLS files {files}: {error.reason or error}") from error
        return context


def redacted(server: str) -> str:
    """Return an address without its user and password."""
    parts = _parts(server)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _parts(server: str) -> SplitResult:
    return urlsplit(server if "://" in server else f"nats://{server}")


def _split(servers: str) -> tuple[str, ...]:
    return tuple(filter(None, (server.strip() for server in servers.split(","))))


def _check_address(server: str, *, has_login: bool) -> None:
    try:
        parts = _parts(server)
        good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        good = good and not hides_login(server if "://" in server else f"nats://{server}")
    except ValueError:  # a port that is no number
        good = False
    if good:
        return
    if has_login:  # any part may be of a password: a comma in it has made two addresses of one
        shown = repr(server.rpartition("@")[2]) if "@" in server else "an address"
        raise NatsOptionsError(
            f"{shown} is not a NATS address: write nats://user:password@host:4222; "
            "a user or password with one of # , / ? [ ] goes into the options for it"
        )
    raise NatsOptionsError(f"{server!r} is not a NATS address: write nats://host:4222")


def _login_in(server: str) -> dict[str, Any]:
    parts = _parts(server)
    if parts.username is None:
        return {}
    return {"token": parts.username} if parts.password is None else {"user": parts.username, "password": parts.password}
