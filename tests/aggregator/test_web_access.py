"""Logins, subtrees, names, prefixes and TLS of the HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from types import NoneType
from typing import Any

import aiohttp
import pytest

from fog_aggregator.components.http.access.credentials import (
    Credential,
    CredentialsError,
    hash_of_password,
    line_of,
    new_token,
    parse_credentials,
)
from fog_aggregator.components.http.access.exposure import ExposureError, make_exposure
from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.access.logins import MOST_WAITING, Logins, TooManyLoginsError
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.options import HttpOptions
from fog_aggregator.components.http.past.routes import PAST_ROUTES
from fog_aggregator.components.http.prometheus.routes import API_ROUTES
from fog_aggregator.components.http.routes import ROUTES
from fog_aggregator.components.http.server import MOST_HANDSHAKES, WebServer
from fog_aggregator.components.http.web.files import page_files
from fog_aggregator.config import AggregatorConfig
from fog_testing.waiting import eventually
from tests.aggregator.serving import Answer, FakeStatus, sample_fleet
from tests.certificates import self_signed

ALL, ONE = new_token(), new_token()
FILE = "\n".join(
    [
        "# everything, a subtree by token, a subtree by password",
        line_of(Credential("all", (), ALL[1])),
        line_of(Credential("one", ("fog", "0"), ONE[1])),
        line_of(Credential("jo", ("fog", "0"), hash_of_password("secret"))),
    ]
)


def bearer(token: str) -> dict[str, str]:
    """Return the header of a bearer token."""
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, secret: str) -> dict[str, str]:
    """Return the header of a name and a secret."""
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


class Client:
    """A client of a server."""

    def __init__(self, server: WebServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session
        self.url = "http://{}:{}".format(*server.address)

    async def ask(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        """One request, without following redirects."""
        async with self._session.request(method, self.url + path, headers=headers, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())


@contextlib.asynccontextmanager
async def exposed(tmp_path: Path, **options: Any) -> AsyncIterator[Client]:
    """Serve the sample fleet as the options say while the body runs."""
    file = tmp_path / "tokens"
    file.write_text(FILE)
    file.chmod(0o600)
    exposure = make_exposure(HttpOptions(**({"http_token_file": str(file)} | options)))
    server = WebServer(
        make_app(sample_fleet().network, FakeStatus(), exposure=exposure), ("127.0.0.1", 0), tls=exposure.tls
    )
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(server, session)
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer("x"), 401),
        (basic("all", "x"), 401),
        (basic("nobody", ALL[0]), 401),
        ({"Authorization": "Basic ???"}, 401),
        ({"Authorization": "Negotiate x"}, 401),
        (basic("jo", "Secret"), 401),
        (bearer(ALL[0]), 200),
        (basic("all", ALL[0]), 200),
        (basic("jo", "secret"), 200),
    ],
)
async def test_nobody_is_shown_anything_without_a_login(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """By token or by name and secret; a browser is asked for one. Whether it is well, everybody may know."""
    async with exposed(tmp_path) as client:
        for path in ("/metrics", "/", "/nothing"):
            answer = await client.ask(path, headers)
            assert answer.status == (404 if (path, status) == ("/nothing", 200) else status)
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert [(await client.ask(f"/-/{name}", headers)).status for name in ("healthy", "ready")] == [200, 200]


@pytest.mark.parametrize("secret", [b"\xff", b"\xc3\xa9", b"\xed\xb3\xbf"])
async def test_bytes_that_are_no_secret_are_a_wrong_one(tmp_path: Path, secret: bytes) -> None:
    """A stranger gets 401 for any bytes, not a fault of ours with its traceback in the log."""
    async with exposed(tmp_path) as client:
        reader, writer = await asyncio.open_connection(*client.server.address)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secret + b"\r\n\r\n")
        assert b" 401 " in await reader.readline()
        writer.close()


async def test_a_subtrees_login_shows_the_subtree(tmp_path: Path) -> None:
    """Without a path, with its own and with one below: what is there, as if the tree began there."""
    async with exposed(tmp_path) as client:
        for headers in (bearer(ONE[0]), basic("jo", "secret")):
            own = json.loads((await client.ask("/api/nodes", headers)).body)
            assert [node["path"] for node in own["nodes"]] == ["fog/0", "fog/0/1", "fog/0/2"]
            below = json.loads((await client.ask("/api/nodes?path=fog/0/1", headers)).body)
            assert [node["path"] for node in below["nodes"]] == ["fog/0/1"]
            assert (await client.ask("/metrics?node=fog/0/1", headers)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/metrics?path=fog",
        "/metrics?node=fog/1",
        "/api/tree?path=fog/1",
        "/api/nodes?path=fog/1-a",
        "/api/explain?name=level&path=fog/9",
        "/api/conflicts?path=fog/1",
        "/api/retired",
    ],
)
async def test_nothing_else_is_shown(tmp_path: Path, path: str) -> None:
    """Places beside it, above it, of the whole fleet, or not there at all: all are refused alike."""
    async with exposed(tmp_path) as client:
        answer = await client.ask(path, bearer(ONE[0]))
        assert answer.status == 403
        assert "one is shown fog/0 alone" in answer.text or "is of the whole fleet" in answer.text


async def test_the_description_knows_of_logins(tmp_path: Path) -> None:
    """Every operation that may be answered 401 says so."""
    async with exposed(tmp_path) as client:
        described = json.loads((await client.ask("/api/openapi.json", bearer(ONE[0]))).body)["paths"]
        for path, operations in described.items():
            for method, operation in operations.items():
                status = (await client.ask(path, method=method.upper())).status
                assert str(status) in operation["responses"], (method, path, status)


def test_a_route_is_closed_to_subtrees_until_somebody_says_otherwise() -> None:
    """The routes that are open, by name: a new one is not on this list, and so shows nothing."""
    routes = (*ROUTES, *API_ROUTES, *PAST_ROUTES)
    by_reach = {reach: {route.path for route in routes if route.reach is reach} for reach in Reach}
    assert by_reach[Reach.OPEN] == {"/-/healthy", "/-/ready"}
    page = {file.path for file in page_files()} | {"/api/openapi.json"}
    constant = {"alertmanagers", "scrape_pools", "targets", "targets/metadata", "status/buildinfo"}
    of_nothing = {f"/api/v1/{name}" for name in constant | {"format_query", "query_exemplars"}}
    assert by_reach[Reach.PAGE] == page | of_nothing
    shown = "snapshot tree nodes events stream alerts explain at blame changes likeness unlike conflicts"
    views = {f"/api/{name}" for name in shown.split()}
    assert by_reach[Reach.SUBTREE] == views | {"/metrics", "/api/silences", "/api/silences/add"}
    listed = {"series", "labels", "label/{name}/values", "metadata", "status/tsdb"}
    queries = {f"/api/v1/{name}" for name in listed | {"query", "query_range", "alerts"}}
    assert by_reach[Reach.USER] == queries | {"/api/status", "/api/silences/expire"}


async def test_a_wrong_password_does_not_stop_others(tmp_path: Path) -> None:
    """So many are compared at once and no more; a right one that is known needs no comparison."""
    async with exposed(tmp_path) as client:
        assert (await client.ask("/metrics", basic("jo", "secret"))).status == 200
        file = tmp_path / "tokens"
        logins = Logins(file)
        wrong = [logins.who(basic(name, "wrong")["Authorization"], "10.0.0.1") for name in ("jo", "nobody", "jo", "jo")]
        right = logins.who(basic("jo", "secret")["Authorization"], "10.0.0.2")
        *refused, user = await asyncio.gather(*wrong, right, return_exceptions=True)
        assert [type(one) for one in refused] == [NoneType, NoneType, TooManyLoginsError, TooManyLoginsError]
        assert isinstance(user, Credential)
        logins._waiting.update({str(number): 1 for number in range(MOST_WAITING)})  # noqa: SLF001 - as if so many waited
        with pytest.raises(TooManyLoginsError):
            await logins.who(basic("jo", "wrong")["Authorization"], "10.0.0.3")
        assert (await logins.who(bearer(ALL[0])["Authorization"])) is not None


async def test_logins_are_read_anew(tmp_path: Path) -> None:
    """A changed file holds from the reload on; a file that is no more one changes nothing."""
    file = tmp_path / "tokens"
    file.write_text(FILE)
    file.chmod(0o600)
    logins = Logins(file)
    assert await logins.who(basic("jo", "secret")["Authorization"]) is not None
    token, known = new_token()
    file.write_text(line_of(Credential("new", (), known)))
    logins.reload()
    assert await logins.who(basic("jo", "secret")["Authorization"]) is None
    assert await logins.who(bearer(token)["Authorization"]) is not None
    file.write_text("new * sha256:1")
    with pytest.raises(CredentialsError, match=r"line 1: the hash is neither"):
        logins.reload()
    assert await logins.who(bearer(token)["Authorization"]) is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no credential"),
        ("a *", r"line 1: a name, a path or \*, and a hash"),
        ("a fog//0 sha256:" + "0" * 64, "line 1: "),
        ("# x\na * sha256:" + "0" * 64 + "\na * sha256:" + "1" * 64, "line 3: the name 'a' comes twice"),
        ("a/b * sha256:" + "0" * 64, "the name 'a/b' is not allowed"),
        ("a * md5:00", "the hash is neither"),
        ("a * scrypt:1000000000:8:1:AAAA:AAAA", "the hash is neither"),
        ("a * scrypt:x:8:1:AAAA:AAAA", "the hash is neither"),
        ("a * scrypt:16384:8:1:AAAA", "the hash is neither"),
    ],
)
def test_a_file_that_is_none(text: str, why: str) -> None:
    """The error says where, and what to write."""
    with pytest.raises(CredentialsError, match=why):
        parse_credentials(text, "tokens")


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """They could let themselves in."""
    file = tmp_path / "tokens"
    file.write_text(FILE)
    file.chmod(0o666)
    with pytest.raises(CredentialsError, match="chmod go-w"):
        Logins(file)


@pytest.mark.parametrize("listen", [("", 0), ("0.0.0.0", 1), ("10.0.0.1", 1), ("::", 1), ("fog.example.org", 1)])  # noqa: S104
def test_a_public_address_needs_a_lock(listen: tuple[str, int]) -> None:
    """One with neither HTTPS nor logins is refused, unless it is said that it shall be so."""
    with pytest.raises(ValueError, match="anybody could read the whole fleet at"):
        AggregatorConfig(listen=listen)
    for others in ({"http_insecure": True}, {"http_token_file": "x"}, {"http_tls_cert": "x", "http_tls_key": "y"}):
        AggregatorConfig(listen=listen, **others)
    with pytest.raises(ValueError, match="a certificate needs its key"):
        AggregatorConfig(listen=listen, http_tls_cert="x")


async def test_it_lives_below_a_prefix(tmp_path: Path) -> None:
    """All routes, and nothing beside them; the page's links are relative, so that a proxy may take the prefix away."""
    async with exposed(tmp_path, http_prefix="/fog", http_token_file=None) as client:
        assert (await client.ask("/fog/metrics")).status == 200
        assert (await client.ask("/metrics")).status == 404
        leading = await client.ask("/fog")
        assert (leading.status, leading.headers["Location"]) == (308, "/fog/")
        assert json.loads((await client.ask("/fog/api/nodes?x=1")).body)["error"].startswith("unknown parameter")
        described = json.loads((await client.ask("/fog/api/openapi.json")).body)
        assert (described["servers"], "security" in described) == ([{"url": "/fog"}], False)
        silences = await client.ask("/fog/api/silences", method="POST")
        assert (silences.status, "fog silence add" in silences.text) == (403, True)
        for file in ("/fog/", "/fog/main.js"):
            assert not [part for part in ('="/', "`/", 'ask("/') if part in (await client.ask(file)).text]


async def test_it_answers_to_its_names(tmp_path: Path) -> None:
    """To those that it was given, beside loopback's."""
    async with exposed(tmp_path, http_host=("fog.example.org",), http_token_file=None) as client:
        for host, status in (("fog.example.org:8443", 200), ("FOG.example.org", 200), ("localhost", 200), ("x", 403)):
            assert (await client.ask("/metrics", {"Host": host})).status == status


async def test_https(tmp_path: Path) -> None:
    """With a certificate nothing is answered in clear; a new one is used from the reload on."""
    first, second = self_signed(tmp_path, "first"), self_signed(tmp_path, "second")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(first.cert, cert)
    shutil.copy(first.key, key)
    exposure = make_exposure(HttpOptions(http_tls_cert=str(cert), http_tls_key=str(key)))
    server = WebServer(
        make_app(sample_fleet().network, FakeStatus(), exposure=exposure), ("127.0.0.1", 0), tls=exposure.tls
    )
    await server.start()
    url = f"127.0.0.1:{server.address[1]}/-/healthy"
    async with aiohttp.ClientSession() as session:

        async def healthy(trusted: str) -> int:
            context = ssl.create_default_context(cafile=trusted)
            async with session.get(f"https://{url}", ssl=context) as response:
                return response.status

        assert await healthy(first.cert) == 200
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{url}")
        shutil.copy(second.cert, cert)
        with pytest.raises(ExposureError, match="are no certificate and its key"):
            exposure.reload()
        shutil.copy(second.key, key)
        exposure.reload()
    async with aiohttp.ClientSession() as session:
        assert await healthy(second.cert) == 200
    await server.stop()


async def test_handshakes_that_do_not_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's connections that say nothing take no more than their share, and keep nobody out."""
    monkeypatch.setattr(
        "fog_aggregator.components.http.server.HANDSHAKE_SECONDS", 600.0
    )  # it is not that which ends them
    made = self_signed(tmp_path)
    async with exposed(tmp_path, http_tls_cert=made.cert, http_tls_key=made.key) as client:
        held = [await asyncio.open_connection(*client.server.address) for _ in range(MOST_HANDSHAKES)]

        async def bounded() -> bool:
            return sum(reader.at_eof() for reader, _ in held) >= MOST_HANDSHAKES / 2

        await eventually(bounded, what="half of the handshakes to be given up")
        trusting = ssl.create_default_context(cafile=made.cert)
        reader, writer = await asyncio.open_connection(*client.server.address, ssl=trusting)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readline()
        for _, one in [*held, (reader, writer)]:
            one.close()
