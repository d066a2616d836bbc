"""A `fog agent` that runs has imported what it uses: no OpenSSL, no part of other commands. TLS works all the same."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest

from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from tests.certificates import Certificate, self_signed
from tests.cli.bus import with_streams
from tests.cli.processes import fog

HEAVY: Final = frozenset(
    {
        "_ssl",
        "aiohttp",
        "asyncio.sslproto",
        "concurrent.futures.process",
        "decimal",
        "difflib",
        "fog_aggregator",
        "fog_cli.actions.frame_text",
        "fog_cli.filters.explaining",
        "http.server",
        "multiprocessing",
        "numpy",
        "opentelemetry",
        "prometheus_client",
        "pydoc",
        "ssl",
        "unittest",
        "urllib.request",
        "xml",
        "yaml",
    }
)
"""Modules that an agent can do without: together more than it takes."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Provide a new one, as openssl makes it."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def heard(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines of standard error to the first one that has `words`."""
    lines: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines[-5:]))


def imported(lines: list[str]) -> set[str]:
    """Return the modules that Python told of, as it does when PYTHONPROFILEIMPORTTIME is set."""
    return set(re.findall(r"^import time: .*\| *(\S+)$", "".join(lines), re.MULTILINE))


def test_an_agent_imports_what_it_uses(fog_nats: NatsServer, tmp_path: Path) -> None:
    """With every kind of source, and a target and a server that do not answer; no library of OpenSSL is mapped."""
    sources = tmp_path / "sources.toml"
    sources.write_text(
        f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{free_port()}/metrics"\ninterval = 1\n'
        f'[[textfile]]\nname = "scripts"\ndirectory = "{tmp_path}"\n'
        f'[[statsd]]\nname = "apps"\nlisten = ["127.0.0.1:{free_port()}"]\ndialect = "dogstatsd"\n'
        f'[[otlp]]\nname = "otel"\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[jobs]\nsocket = "{tmp_path}/jobs.sock"\nspool = "{tmp_path}/spool"\n'
    )
    servers = f"127.0.0.1:{free_port()},{with_streams(fog_nats.url)}"
    arguments = ["--path", "fog/0/3", "--nats", servers, "--interval", "100ms", "--sources", str(sources)]
    with fog("agent", *arguments, PYTHONPROFILEIMPORTTIME="1") as process:
        lines = heard(process, "connected to NATS")
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        process.send_signal(signal.SIGTERM)
        lines += process.communicate(timeout=60)[1].splitlines(keepends=True)
        assert process.returncode == 0
    modules = imported(lines)
    assert {"asyncio", "nats", "http.client", "fog_agent.sources.otlp.folding"} <= modules
    assert modules.isdisjoint(HEAVY), modules & HEAVY
    assert not re.search(r"lib(ssl|crypto)", mapped)


@pytest.mark.parametrize(
    ("trusted", "words"), [(True, "connected to NATS"), (False, "certificate verify failed: self-signed certificate")]
)
def test_an_agent_imports_tls_when_it_speaks_it(certificate: Certificate, *, trusted: bool, words: str) -> None:
    """Asked for by an option, or by the server alone: its certificate is verified all the same."""
    tls = f'tls {{ cert_file: "{certificate.cert}", key_file: "{certificate.key}" }}'
    with NatsServer(config=tls) as server:
        given = ["--tlsca", certificate.cert] if trusted else []
        arguments = ["--path", "fog/0/3", "--nats", server.url, *given, "--deadline", "100ms"]
        with fog("agent", *arguments, PYTHONPROFILEIMPORTTIME="1") as process:
            lines = heard(process, words)
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=60)
            assert process.returncode == 0
    assert "_ssl" in imported(lines)
    assert "fog_agent.sources.configuration" not in imported(lines)  # as there is no file of sources
