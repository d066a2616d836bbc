"""How one target is read: a table `[[scrape]]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fog_agent.sources.tables import Table

MOST_SERIES: Final = 10_000
MOST_BYTES: Final = 4 * 1024 * 1024
LOOPBACK: Final = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets that a target is shown. Files are read anew for each request.

    Attributes:
        bearer_file: A file with a token.
        username: For basic authentication.
        password_file: A file with its password.
        ca_file: A file with the certificates that vouch for the target's; those of the system by default.
        cert_file: A file with our certificate.
        key_file: A file with its key.
    """

    bearer_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """One target.

    Attributes:
        name: Names the source, and is the label `job` of its series unless `job` is given.
        url: The address of its metrics.
        socket: A unix socket to ask in place of the URL's host and port.
        interval: Seconds between two readings.
        timeout: Seconds that one may take.
        labels: Ours, on each of its series.
        honor_labels: Its own labels win over ours; else they become `exported_…`.
        most_series: The number of samples that a page may have.
        most_bytes: The length that a page may have.
        credentials: Its secrets.
    """

    name: str
    url: SplitResult
    socket: str
    interval: float
    timeout: float
    labels: dict[str, str]
    honor_labels: bool
    most_series: int
    most_bytes: int
    credentials: Credentials


def read(table: Table) -> Settings:
    """Read a table.

    Raises:
        ValueError: It cannot be used.
    """
    name = table.text("name")
    insecure = table.flag("insecure")
    socket = table.text("socket", "")
    url = _url(table.text("url", "http://localhost/metrics" if socket else _NO_URL), socket, insecure=insecure)
    interval = table.seconds("interval", 0.1, 3600, 10.0)
    timeout = table.seconds("timeout", 0.01, 3600, min(10.0, 0.8 * interval))
    if timeout >= interval:
        raise ValueError(f"timeout = {timeout:g}: must be less than the interval, {interval:g} seconds")
    labels = {"job": table.text("job", name), **table.mapping("labels")}
    check_labels(labels)
    settings = Settings(
        name=name,
        url=url,
        socket=socket,
        interval=interval,
        timeout=timeout,
        labels=labels,
        honor_labels=table.flag("honor_labels"),
        most_series=table.integer("most_series", 1, 100_000, MOST_SERIES),
        most_bytes=table.integer("most_bytes", 1, 64 * 1024 * 1024, MOST_BYTES),
        credentials=_credentials(table, url),
    )
    table.end()
    return settings


def check_labels(labels: dict[str, str]) -> None:
    """Refuse labels that a series cannot have.

    Raises:
        ValueError: A name is none, or is reserved.
    """
    for label in labels:
        if not _LABEL.fullmatch(label) or label.startswith("__") or label in {"le", "quantile"}:
            raise ValueError(f"labels: {label!r} is no name that a label of ours can have")


_NO_URL: Final = "missing"


def _url(text: str, socket: str, *, insecure: bool) -> SplitResult:
    if text == _NO_URL:
        raise ValueError("url is missing: give the address of the metrics, or socket, the path of a unix socket")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"url = {text!r}: {error}") from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise ValueError(f"url = {text!r}: must be http://HOST[:PORT]/PATH, or https")
    if url.username is not None or url.fragment or not text.isascii() or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(f"url = {text!r}: has more than a host, a port, a path and a query; credentials have own keys")
    if url.scheme == "http" and not (socket or insecure or LOOPBACK.fullmatch(url.hostname)):
        raise ValueError(
            f"url = {text!r}: is another machine, which anybody between can read and forge; use https, or say "
            "insecure = true"
        )
    return url


def _credentials(table: Table, url: SplitResult) -> Credentials:
    files = {
        key: Path(found) if (found := table.text(key, "")) else None
        for key in ("bearer_file", "password_file", "ca_file", "cert_file", "key_file")
    }
    username = table.text("username", "")
    if files["bearer_file"] and username:
        raise ValueError(f"username = {username!r}: there is a bearer_file; give one of both")
    if bool(username) != bool(files["password_file"]):
        raise ValueError("username and password_file go together: give both, or none")
    if url.scheme != "https" and (files["ca_file"] or files["cert_file"]):
        raise ValueError("ca_file and cert_file are for https")
    if bool(files["cert_file"]) != bool(files["key_file"]):
        raise ValueError("cert_file and key_file go together: give both, or none")
    return Credentials(username=username, **files)
