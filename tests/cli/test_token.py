"""`fog token`, and commands that ask an aggregator that wants a login, directly and through nginx."""

from __future__ import annotations

import asyncio
import re
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.certificates import self_signed
from tests.cli.aggregators import aggregator, free_address
from tests.cli.bus import make_streams
from tests.cli.nginx import NGINX, accepts, nginx
from tests.cli.processes import run


def make(file: Path, name: str, *arguments: str) -> str:
    """Add a login to a file; return its token."""
    made = run("token", name, "--file", str(file), *arguments)
    assert (made.returncode, made.stderr) == (0, "")
    return made.stdout.strip()


def test_a_file_has_hashes_and_its_owner_alone(tmp_path: Path) -> None:
    """The token is printed and nowhere else; a name that is made again has the new token alone."""
    file = tmp_path / "tokens"
    first, second = make(file, "jo"), make(file, "jo", "--path", "fog/0")
    make(file, "other")
    text = file.read_text()
    assert first not in text
    assert second not in text
    assert [line.split()[:2] for line in text.splitlines()] == [["jo", "fog/0"], ["other", "*"]]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = run("token", "jo").stdout.splitlines()
    assert re.fullmatch(r"jo \* sha256:[0-9a-f]{64}", shown[0])
    assert len(shown) == 2


def test_adding_at_once_forgets_nobody(tmp_path: Path) -> None:
    """Each of several that add a login at the same time finds it in the file."""
    file, names = tmp_path / "tokens", [f"team-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: make(file, name), names))
    assert sorted(line.split()[0] for line in file.read_text().splitlines()) == names


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["a b"], 2, "the name 'a b' is not allowed"),
        (["jo", "--path", "fog//0"], 2, "fog//0"),
        (["jo", "--password"], 2, "a password of 1 to"),
        (["jo", "--file", "/proc/nothing/tokens"], 1, "/proc/nothing/tokens cannot be written"),
        (["jo", "--file", __file__], 1, "nothing was written"),
    ],
)
def test_misuse(arguments: list[str], code: int, why: str) -> None:
    """One line, and nothing is written."""
    done = run("token", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_aggregator_with_a_bad_file_does_not_start(tmp_path: Path) -> None:
    """It says which line is wrong, as it says that it would be open to anybody."""
    file = tmp_path / "tokens"
    file.write_text("jo *\n")
    done = run("aggregator", "--http.token-file", str(file), "--nats", "127.0.0.1:1")
    assert (done.returncode, "line 1" in done.stderr) == (2, True)
    done = run("aggregator", "--listen", ":0", "--nats", "127.0.0.1:1")
    assert (done.returncode, "anybody could read the whole fleet" in done.stderr) == (2, True)


async def test_commands_log_in(tmp_path: Path) -> None:
    """By the address, whose secret no message repeats; SIGHUP lets in whoever was added meanwhile."""
    file = tmp_path / "tokens"
    token = make(file, "jo", "--path", "fog/0")
    with NatsServer() as server:
        await make_streams(server.url)
        async with aggregator("--nats", server.url, "--http.token-file", str(file)) as view:
            address = view.url.removeprefix("http://")
            refused = run("tree", "--api", view.url)
            assert (refused.returncode, "401" in refused.stderr) == (1, True)
            wrong = run("query", "--api", f"http://jo:secret-word@{address}", "--", "1")
            assert (wrong.returncode, "secret-word" in wrong.stderr + wrong.stdout) == (1, False)
            confined = run("tree", "fog/1", "--api", f"http://jo:{token}@{address}")
            assert (confined.returncode, "jo is shown fog/0 alone" in confined.stderr) == (1, True)
            assert run("tree", "--api", f"http://:x@{address}").stderr.count("\n") == 1


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_behind_nginx(tmp_path: Path) -> None:
    """The sample works: page, links and data below its prefix, with logins; nobody reloads through it."""
    file, certificate = tmp_path / "tokens", self_signed(tmp_path)
    token = make(file, "jo")
    port = int(free_address().rpartition(":")[2])
    with NatsServer() as server:
        await make_streams(server.url)
        arguments = ("--nats", server.url, "--http.token-file", str(file), "--http.host", "fog.example.org")
        async with aggregator(*arguments) as view:
            backend = view.url.removeprefix("http://")
            with nginx(tmp_path, port, backend, certificate):
                await eventually(lambda: accepts(port))
                context = ssl.create_default_context(cafile=certificate.cert)
                login = {"Host": "fog.example.org", "Authorization": f"Bearer {token}"}
                connector = aiohttp.TCPConnector(ssl=context)
                async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=connector) as session:
                    for path, status in (("/fog/", 200), ("/fog/api/status", 200), ("/fog/main.js", 200)):
                        async with session.get(path, headers=login) as response:
                            assert response.status == status, path
                    async with session.get("/fog/api/status", headers={"Host": "fog.example.org"}) as response:
                        assert response.status == 401
                    async with session.post("/fog/-/reload", headers=login) as response:
                        assert (response.status, "proxy" in await response.text()) == (403, True)
                asked = await asyncio.to_thread(
                    run, "tree", "--api", f"https://jo:{token}@127.0.0.1:{port}/fog", SSL_CERT_FILE=certificate.cert
                )
                assert (asked.returncode, asked.stdout, asked.stderr) == (0, "everything\n", "")
