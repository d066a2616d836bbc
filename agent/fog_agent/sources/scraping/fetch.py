"""Ask a target for its page: HTTP over TCP, TLS or a unix socket, within a time and a size."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from fog_agent.sources.scraping.settings import Credentials, Settings

ACCEPT: Final = "text/plain;version=0.0.4, text/plain;q=0.5"
MOST_SECRET: Final = 64 * 1024
REFUSED_TYPES: Final = ("application/openmetrics-text", "application/vnd.google.protobuf")


class FetchError(Exception):
    """A target gave no page; the text says why.

    Attributes:
        reason: A word for metrics: `body` when it is too long, else `target`.
    """

    def __init__(self, text: str, reason: str = "target") -> None:
        super().__init__(text)
        self.reason = reason


class Fetch:
    """Asks one target. One thread at a time calls it; any may `abort`.

    Args:
        settings: Of the target.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        self._late = False

    def __call__(self) -> bytes:
        """Return the page.

        Raises:
            FetchError: The target gave no page.
        """
        self._late = False
        watchdog = threading.Timer(self._settings.timeout, self._end)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._ask()
        except FetchError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            if self._late or isinstance(error, TimeoutError):
                raise FetchError(f"did not answer within {self._settings.timeout:g} s") from None
            raise FetchError(str(error) or type(error).__name__) from None
        finally:
            watchdog.cancel()

    def abort(self) -> None:
        """End a request that is under way."""
        found = self._socket
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    def _end(self) -> None:
        self._late = True
        self.abort()

    def _ask(self) -> bytes:
        url = self._settings.url
        connection = HTTPConnection(url.hostname or "", url.port, timeout=self._settings.timeout)
        try:
            headers = self._headers()
            self._socket = connection.sock = self._connected()
            path = (url.path or "/") + ("?" + url.query if url.query else "")
            connection.request("GET", path, headers=headers)
            return self._page(connection.getresponse())
        finally:
            self._socket = None
            connection.close()

    def _connected(self) -> socket.socket:
        settings = self._settings
        if settings.socket:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(settings.timeout)
            try:
                plain.connect(settings.socket)
            except OSError:
                plain.close()
                raise
        else:
            port = settings.url.port or (443 if settings.url.scheme == "https" else 80)
            plain = socket.create_connection((settings.url.hostname or "", port), settings.timeout)
        if settings.url.scheme != "https":
            return plain
        self._socket = plain
        try:
            return context_of(settings.credentials).wrap_socket(plain, server_hostname=settings.url.hostname)
        except BaseException:
            plain.close()
            raise

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": ACCEPT,
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "fog-agent",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{self._settings.timeout:g}",
            **authorization_of(self._settings.credentials),
        }

    def _page(self, response: HTTPResponse) -> bytes:
        if response.status != 200:
            where = response.getheader("Location")
            other = f", and sends to {where!r}, where nobody goes" if where else ""
            raise FetchError(f"answered {response.status} {response.reason}{other}")
        type_ = response.getheader("Content-Type", "")
        if type_.startswith(REFUSED_TYPES):
            raise FetchError(f"answered in {type_!r}, though text/plain;version=0.0.4 was asked for")
        most = self._settings.most_bytes
        body = response.read(most + 1)
        if len(body) > most:
            raise FetchError(f"its page is longer than {most} bytes", "body")
        if self._late:
            raise TimeoutError
        if (response.length or 0) > 0:
            raise FetchError("its page was cut short")
        return body


def authorization_of(credentials: Credentials) -> dict[str, str]:
    """Return the header that shows credentials, read from their files now.

    Raises:
        FetchError: A file cannot be read, or has what no header can have.
    """
    if credentials.bearer_file is not None:
        return {"Authorization": "Bearer " + _secret(credentials.bearer_file)}
    if credentials.password_file is not None:
        pair = f"{credentials.username}:{_secret(credentials.password_file)}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {}


def context_of(credentials: Credentials) -> ssl.SSLContext:
    """Return what TLS needs, of the files as they are now.

    Raises:
        FetchError: A file cannot be read or used.
    """
    try:
        context = ssl.create_default_context(cafile=credentials.ca_file and str(credentials.ca_file))
        if credentials.cert_file is not None:
            context.load_cert_chain(credentials.cert_file, credentials.key_file)
    except OSError as error:
        names = [str(one) for one in (credentials.ca_file, credentials.cert_file, credentials.key_file) if one]
        raise FetchError(f"{', '.join(names) or 'the certificates'}: cannot be used: {error}") from None
    return context


def _secret(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_SECRET + 1)
        text = data.decode("ascii").strip()
    except OSError as error:
        raise FetchError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FetchError(f"{file}: is not ASCII") from None
    if not text or len(data) > MOST_SECRET or not text.isprintable():
        raise FetchError(f"{file}: must have one line with the secret")
    return text
