"""Silences over HTTP: for logins that may, where an option says so, as an operator's commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from fog_aggregator.components.http.access.credentials import (
    Credential,
    CredentialsError,
    line_of,
    new_token,
    parse_credentials,
)
from fog_aggregator.components.http.options import HttpOptions
from fog_aggregator.notifications.silence_shares import (
    MOST_OF_ALL,
    MOST_OF_ONE,
    SilenceShares,
    TooManySilencesError,
)
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator
from tests.cli.bus import make_streams

pytestmark = pytest.mark.asyncio(loop_scope="module")
READER, OPERATOR, OTHER, TREE = new_token(), new_token(), new_token(), new_token()
FILE = "\n".join(
    [
        line_of(Credential("reader", (), READER[1])),
        line_of(Credential("on-call", ("fog", "0"), OPERATOR[1], may_silence=True)),
        line_of(Credential("other", ("fog", "1"), OTHER[1], may_silence=True)),
        line_of(Credential("tree", ("fog",), TREE[1], may_silence=True)),
    ]
)
FORM = {"path": "fog/0", "alert": "FogNodesSilent", "duration": "7200", "comment": "new power supply"}
OURS = {"X-Requested-With": "fog"}


class Client:
    """Asks an aggregator, with a token."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(
        self, path: str, token: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Get, or post a form; return the status and the answer."""
        sent = {"Authorization": f"Bearer {token}"} | (OURS if headers is None else headers)
        method = "GET" if form is None else "POST"
        async with self._session.request(method, self._url + path, data=form, headers=sent) as answer:
            return answer.status, await answer.json()


@contextlib.asynccontextmanager
async def serving(url: str, directory: Path, *options: str) -> AsyncIterator[Client]:
    """Run an aggregator with four logins."""
    file = directory / "tokens"
    file.write_text(FILE)
    file.chmod(0o600)
    async with (
        aggregator("--nats", url, "--http.token-file", str(file), *options) as view,
        aiohttp.ClientSession() as session,
    ):
        yield Client(session, view.url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def taking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """Provide an aggregator that takes silences."""
    with NatsServer() as server:
        await make_streams(server.url)
        async with serving(server.url, tmp_path_factory.mktemp("taking"), "--http.silences") as client:
            yield client


async def test_who_may_makes_and_ends_a_silence(taking: Client) -> None:
    """It goes through the stream of commands, and has its author, its reason and its end; a reader can read alone."""
    client = taking
    for token, can in ((READER[0], []), (OPERATOR[0], ["silence"])):
        status, told = await client.ask("/api/status", token)
        assert (status, told["can"]) == (200, can)
    status, made = await client.ask("/api/silences/add", OPERATOR[0], FORM)
    assert status == 200, made

    async def state() -> str:
        _, found = await client.ask("/api/silences", OPERATOR[0])
        return found[0]["status"]["state"] if found else ""

    async def is_active() -> bool:
        return await state() == "active"

    await eventually(is_active)
    _, [one] = await client.ask("/api/silences", OPERATOR[0])
    assert (one["id"], one["path"]) == (made["silenceID"], "fog/0")
    assert (one["createdBy"], one["comment"]) == ("on-call", "new power supply")
    assert [(each["name"], each["value"]) for each in one["matchers"]] == [("alertname", "FogNodesSilent")]
    for page, listed in (("?path=fog/0", 1), ("?path=fog/1", 0), ("?limit=0", 0), ("?offset=1", 0)):
        assert len((await client.ask(f"/api/silences{page}", READER[0]))[1]) == listed, page
    for token, refused in ((READER[0], 403), (OTHER[0], 404)):
        assert (await client.ask("/api/silences/expire", token, {"id": one["id"]}))[0] == refused
    assert (await client.ask("/api/silences/expire", OPERATOR[0], {"id": one["id"]}))[0] == 200

    async def is_over() -> bool:
        return await state() == "expired"

    await eventually(is_over)


@pytest.mark.parametrize(
    ("token", "form", "headers", "status", "why"),
    [
        (READER[0], FORM, OURS, 403, "may not make silences"),
        (OPERATOR[0], FORM | {"path": "fog/1"}, OURS, 403, "is shown fog/0 alone"),
        (TREE[0], FORM | {"path": "fog"}, OURS, 403, "alerts of no place"),
        (OPERATOR[0], FORM, {}, 403, "X-Requested-With"),
        (OPERATOR[0], FORM | {"duration": "0"}, OURS, 400, "seconds from 60"),
        (OPERATOR[0], FORM | {"comment": "  "}, OURS, 400, "a reason"),
        (OPERATOR[0], FORM | {"alert": "a b"}, OURS, 400, "name of an alert"),
        (OPERATOR[0], {"path": "fog/0"}, OURS, 400, "is missing"),
        ("wrong", FORM, OURS, 401, "wrong"),
    ],
    ids=[
        "no right",
        "elsewhere",
        "no place",
        "of a stranger",
        "no end",
        "no reason",
        "no alert",
        "incomplete",
        "unknown",
    ],
)
async def test_what_is_refused(
    taking: Client, token: str, form: dict[str, str], headers: dict[str, str], status: int, why: str
) -> None:
    """A login without the right, another part of the tree, a form of a stranger's page, no end, no reason."""
    found, told = await taking.ask("/api/silences/add", token, form, headers)
    assert found == status
    assert why in told["error"]


async def test_a_login_has_a_share(tmp_path: Path) -> None:
    """Silences count before they are read; other logins still may make some, and who ends one may again."""
    with NatsServer() as server:
        await make_streams(server.url)
        async with serving(server.url, tmp_path, "--http.silences") as client:
            asked = (client.ask("/api/silences/add", OPERATOR[0], FORM) for _ in range(MOST_OF_ONE + 3))
            answers = await asyncio.gather(*asked)
            assert Counter(status for status, _ in answers) == {200: MOST_OF_ONE, 409: 3}
            refused = next(told for status, told in answers if status == 409)
            assert refused["error"] == "on-call has 100 silences that are not over, as many as a login may: end one"
            other = FORM | {"path": "fog/1"}
            assert (await client.ask("/api/silences/add", OTHER[0], other))[0] == 200

            async def are_read() -> bool:
                return len((await client.ask("/api/silences", OPERATOR[0]))[1]) == MOST_OF_ONE

            await eventually(are_read)
            assert (await client.ask("/api/silences/add", OPERATOR[0], FORM))[0] == 409
            made = next(told for status, told in answers if status == 200)
            await client.ask("/api/silences/expire", OPERATOR[0], {"id": made["silenceID"]})

            async def may_again() -> bool:
                return (await client.ask("/api/silences/add", OPERATOR[0], FORM))[0] == 200

            await eventually(may_again)


async def test_shares_of_silences() -> None:
    """All logins leave some to others; what is not read counts for a minute, and what was not ordered does not."""
    shares = SilenceShares()
    many = [(f"silence-{number}", f"login-{number // 90}", False) for number in range(MOST_OF_ALL - 1)]
    shares.take("new", "on-call", many, now=0.0)
    with pytest.raises(TooManySilencesError, match="900 silences are not over"):
        shares.take("newer", "on-call", many, now=59.0)
    shares.take("newer", "on-call", many, now=60.0)
    shares.give_back("newer")
    shares.take("newest", "on-call", [*many, ("newer", "on-call", True)], now=61.0)
    with pytest.raises(TooManySilencesError):
        shares.take("one more", "on-call", [*many, ("newest", "on-call", False)], now=62.0)


async def test_without_the_option_nobody_may(tmp_path: Path) -> None:
    """Also who has the right is told how silences are made; and nothing says that they can be."""
    async with serving("nats://127.0.0.1:1", tmp_path) as client:
        status, told = await client.ask("/api/silences/add", OPERATOR[0], FORM)
        assert status == 403
        assert "fog silence add" in told["error"]
        assert (await client.ask("/api/status", OPERATOR[0]))[1]["can"] == []


async def test_a_server_that_refuses_is_told_of(tmp_path: Path) -> None:
    """A credential that may not publish commands: the answer says so, and no silence is made."""
    confined = '{user: "agg", password: "p", permissions: {publish: {deny: "fog.v1.control.>"}}}'
    with NatsServer(config=f'authorization {{ users = [{confined}, {{user: "op", password: "p"}}] }}') as server:
        await make_streams(server.url.replace("//", "//op:p@"))
        async with serving(server.url.replace("//", "//agg:p@"), tmp_path, "--http.silences") as client:

            async def is_ready() -> bool:
                return bool((await client.ask("/api/status", READER[0]))[1]["ready"])

            await eventually(is_ready)
            status, told = await client.ask("/api/silences/add", OPERATOR[0], FORM)
            assert status == 503
            assert "lets this aggregator publish no commands" in told["error"]
            assert (await client.ask("/api/silences", OPERATOR[0])) == (200, [])


async def test_the_option_needs_logins() -> None:
    """Without them nobody knows who makes a silence."""
    with pytest.raises(ValueError, match=r"needs --http\.token-file"):
        HttpOptions(http_silences=True).check_http()


async def test_the_right_is_a_word_of_the_line() -> None:
    """It is read back, and no other word is taken for it."""
    found = [parse_credentials(FILE, "f").named(name) for name in ("reader", "on-call")]
    assert [one and one.may_silence for one in found] == [False, True]
    with pytest.raises(CredentialsError, match="and perhaps `silence`"):
        parse_credentials(FILE.replace(" silence", " quarantine"), "f")
