"""The options of the HTTP server."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import ADDRESS, FILE, PATHS, SWITCH, TEXT, Address, Kind, show_address

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
NAMES: Final = Kind("NAME[,NAME]", PATHS.parse, unset=())


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address, without a port, is this machine for itself."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def read_prefix(text: str) -> str:
    """Return a prefix of paths, without the slash at its end.

    Raises:
        ValueError: It is none.
    """
    if not _PREFIX.fullmatch(text):
        raise ValueError(f"the prefix {text!r} is not allowed: write /fog")
    return text.rstrip("/")


def read_names(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of hosts in lower case.

    Raises:
        ValueError: One is none.
    """
    for text in texts:
        if not _HOST_NAME.fullmatch(text.strip("[]")):
            raise ValueError(f"{text!r} is not the name of a host: write fog.example.org, without a port")
    return tuple(text.strip("[]").rstrip(".").lower() for text in texts)


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """Where the HTTP server listens, and who may see what; port 0 takes a free one."""

    listen: Address = option(
        ("127.0.0.1", 10364), "address of the HTTP server", ADDRESS, aliases=("--web.listen-address",)
    )
    http_tls_cert: str | None = option(None, "the server's certificate: HTTPS", FILE, flag="--http.tls-cert")
    http_tls_key: str | None = option(None, "the certificate's key", FILE, flag="--http.tls-key")
    http_token_file: str | None = option(
        None, "file of those who may log in, and what each is shown, see fog token", FILE, flag="--http.token-file"
    )
    http_insecure: bool = option(
        default=False,
        help="listen on a public address with neither HTTPS nor logins",
        kind=SWITCH,
        flag="--http.insecure",
    )
    http_silences: bool = option(
        default=False,
        help="let logins make and end silences that may, see fog token --may-silence; needs --http.token-file",
        kind=SWITCH,
        flag="--http.silences",
    )
    http_prefix: str = option(
        "", "what paths begin with, behind a proxy", TEXT, flag="--http.prefix", convert=read_prefix
    )
    http_host: tuple[str, ...] = option(
        (), "names that the server answers to, beside those of loopback", NAMES, flag="--http.host", convert=read_names
    )

    def check_http(self) -> None:
        """Check that a public address is protected, and that files go together.

        Raises:
            ValueError: They do not.
        """
        if (self.http_tls_cert is None) != (self.http_tls_key is None):
            raise ValueError("a certificate needs its key: give both --http.tls-cert and --http.tls-key, or neither")
        if self.http_silences and self.http_token_file is None:
            raise ValueError("--http.silences needs --http.token-file: without logins nobody knows who makes a silence")
        guarded = self.http_tls_cert or self.http_token_file or self.http_insecure
        if not guarded and not is_loopback(self.listen[0]):
            raise ValueError(
                f"anybody could read the whole fleet at {show_address(self.listen)}: give --http.token-file and "
                "--http.tls-cert, listen on 127.0.0.1 behind a proxy, or say --http.insecure"
            )
