"""The commands that the pages print run as printed, in their order, on a fog of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from fog_testing.nats_server import NatsServer
from fog_testing.waiting import wait_until
from tests.cli.aggregators import free_address
from tests.cli.processes import ENVIRON
from tests.house.source import read, tracked

PAGES: Final = ("agent", "aggregator", "faq", "operations", "quick-start", "security", "sizing")
ADDRESS: Final = "127.0.0.1:10364"
"""The address that pages print; the test has another one."""

DONE_ELSEWHERE: Final = ("make ", ". .venv/", "nats-server ", "python shop.py")
"""Lines that the fixtures or another test stand for."""

RUNS_ON: Final = re.compile(r"fog (?:aggregator|agent)(?!.*--(?:once|help|print-config))")
"""Programs that run until they are told to stop."""

ASKS: Final = re.compile(r"curl|fog (?:agent|alerts|events|explain|nodes|query|silence|tree) ")
MAY_BE_EMPTY: Final = ("fog events", "fog nodes")
AGGREGATOR: Final = "fog aggregator"
NODE: Final = "fog agent --path fog/rack-1/node-1"
"""A page's commands need them: an aggregator, which makes the streams, and a node. A page may start its own."""

DEADLINE: Final = 60.0


def lines_of(page: str) -> list[str]:
    """List the lines of a page's shell blocks, without comments; a line that ends in a backslash goes on."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", read(f"docs/{page}.md"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Shell:
    """A shell in a folder of the test's, whose programs find the test's server and aggregator by the environment."""

    def __init__(self, folder: Path, server: str) -> None:
        self.address = free_address()
        self._folder = folder
        self._programs = 0
        self._environ = ENVIRON | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FOG_NATS_URL": server,
            "FOG_LISTEN": self.address,
            "FOG_API_URL": f"http://{self.address}",
            "FOG_INTERVAL": "200ms",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "RACK": "rack-1",
            "HOSTNAME": "node-2",
        }

    @contextmanager
    def running(self, line: str) -> Iterator[None]:
        """Provide a program that runs and says so; told to stop at the end, it ends in good order."""
        self._programs += 1
        log = self._folder / f"log-{self._programs}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S602 - our own documentation
                f"exec {self._here(line)}",
                shell=True,
                cwd=self._folder,
                env=self._environ,
                stdout=output,
                stderr=output,
            )
        try:
            wait_until(lambda: log.stat().st_size or process.poll() is not None, deadline=DEADLINE, what=line)
            yield
            assert process.poll() is None, f"{line} ended:\n{log.read_text('utf-8')}"
            process.terminate()
            assert process.wait(timeout=DEADLINE) == 0, f"{line}:\n{log.read_text('utf-8')}"
        finally:
            process.kill()
            process.wait()

    def _here(self, line: str) -> str:
        """Return a line for this machine: with the test's address, and with the root that containers mount."""
        return line.replace(ADDRESS, self.address).replace("--host-root /host", "--host-root /")

    def succeeds(self, line: str) -> bool:
        """Run a line to its end, and tell whether it went well and said something."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", self._here(line)],  # noqa: S607 - wherever it is
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            check=False,
            timeout=DEADLINE,
        )
        return done.returncode == 0 and bool(done.stdout.strip() or line.startswith(MAY_BE_EMPTY))


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of(page)])
def test_the_commands_of_a_page_run_as_printed(page: str, fog_nats: NatsServer, tmp_path: Path) -> None:
    """In order; what asks is repeated until there is an answer, as the page says that it takes some seconds."""
    shell, lines = Shell(tmp_path, fog_nats.url), lines_of(page)
    if any(ASKS.match(line) for line in lines):
        lines[:0] = [line for line in (AGGREGATOR, NODE) if line not in lines]
    with ExitStack() as programs:
        for line in lines:
            if line.startswith(DONE_ELSEWHERE) or (line.startswith("curl") and shutil.which("curl") is None):
                continue
            if RUNS_ON.match(line):
                programs.enter_context(shell.running(line))
            else:
                wait_until(lambda line=line: shell.succeeds(line), deadline=DEADLINE, what=line)  # type: ignore[misc]


def test_new_pages_are_tried() -> None:
    """Each page that has commands in shell blocks is tried here, or by a test that names it."""
    elsewhere = {
        *(
            "alerts",
            "notifications",
            "queries",
            "rules",
            "in-real-servers",
            "sdk-getting-started",
            "benchmarks-sdk",
            "outgoing",
        ),
    }
    found = {file[5:-3] for file in tracked() if re.fullmatch(r"docs/[a-z-]+\.md", file) and lines_of(file[5:-3])}
    assert found - elsewhere <= set(PAGES), "name the page in PAGES, or in `elsewhere` with the test that tries it"
