"""The options of notifications. Without the HTTP client: `--help` reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fog_bus.options import option, switch
from fog_bus.options.kinds import PERIOD, WHOLE, Kind


def _urls(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a URL, or a list of them")
    urls = tuple(part.strip() for part in parts if part.strip())
    if any(not is_http(url) for url in urls):
        raise ValueError("is not an address: write http://HOST:PORT or https://USER:PASSWORD@HOST/PATH (%23 for #)")
    return urls


def is_http(url: str) -> bool:
    """Tell whether a text is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        is_whole = "@" not in parts.fragment  # a secret with a # in it ends the host too early
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and is_whole
    except ValueError:
        return False


def place(url: str) -> str:
    """Name the server of a URL; its user, its path and its query may be secrets."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{port}"


def _show(urls: tuple[str, ...]) -> str:
    return json.dumps([f"{urlsplit(url).scheme}://{place(url)}/…" for url in urls], ensure_ascii=False)


HTTP_URLS: Final = Kind("URL[,URL]", _urls, _show, unset=())


@dataclass(frozen=True, kw_only=True)
class NotificationOptions:
    """The receivers of alerts beside the log."""

    alertmanager: tuple[str, ...] = option(
        (), "Alertmanagers to tell of alerts, each of them, as in http://127.0.0.1:9093", HTTP_URLS, convert=tuple
    )
    webhook: tuple[str, ...] = option(
        (), "URLs to post alerts to, as Alertmanager does, for those who have none", HTTP_URLS, convert=tuple
    )
    webhook_depth: int = option(
        2, "how many tokens of a path make a group: the alerts of a group are one message to a webhook", WHOLE
    )
    webhook_repeat: float = option(
        4 * 3600.0, "after how long a webhook is told again of a group that still fires", PERIOD
    )
    alerts_to_nats: bool = switch("publish alerts on fog.v1.alerts.<path>")
