"""Programs of the files, started as processes: their words and variables, with a real server and credentials."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fog_cli.credentials.folder import Folder
from fog_schema.paths import parse_path
from fog_testing.nats_server import NatsServer
from tests.cli.aggregators import free_address
from tests.cli.processes import ENVIRON, run
from tests.deployments.containers.programs import Program
from tests.deployments.shipped import DEPLOY

_OF_A_MACHINE: Final = re.compile(r"^(listen|http|  store_dir): .*$", re.MULTILINE)


@dataclass
class Stage:
    """Where a file's programs are started.

    Attributes:
        directory: A directory of this rehearsal: credentials in creds/, states.
        server: A nats-server with deploy/nats-server-jwt.conf.
        places: For names and paths of a container, those that stand for them here.
    """

    directory: Path
    server: NatsServer
    places: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Write a text of the files with this machine's addresses and paths."""
        for name, place in self.places.items():
            text = text.replace(name, place)
        return text

    def _environ(self, program: Program) -> dict[str, str]:
        return {name: self.here(value) for name, value in program.environ.items()}

    def complete(self, program: Program) -> None:
        """Run a program that comes to an end, and must end well."""
        done = run(*map(self.here, program.words), **self._environ(program))
        assert done.returncode == 0, done.stderr

    def starts(self, program: Program, name: str, stack: ExitStack, **environ: str) -> None:
        """Start a program, confined as a container where this machine can: it may write to a state of its own alone."""
        state = self.directory / f"state-{name}"
        state.mkdir(mode=0o700)
        environ = ENVIRON | self._environ(program) | {"STATE_DIRECTORY": str(state)} | environ
        words = [sys.executable, "-m", "fog_cli", *map(self.here, program.words)]
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([*confinement(), *words], stdin=subprocess.DEVNULL, stderr=log, env=environ)
        stack.callback(process.wait)
        stack.callback(process.kill)


_CONFINED: Final = """
    mount --bind "$STATE_DIRECTORY" "$STATE_DIRECTORY" && mount -o remount,bind,ro / || exit 1
    ! touch "$STATE_DIRECTORY/../written" 2>/dev/null || exit 1
    exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


@cache
def confinement() -> tuple[str, ...]:
    """Return words before a command that give it a read-only root and no capability; none where this cannot be."""
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _CONFINED, "sh")
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        return ()
    with TemporaryDirectory() as state:
        tried = subprocess.run(
            [*words, "true"], check=False, capture_output=True, timeout=60, env=os.environ | {"STATE_DIRECTORY": state}
        )
    return words if tried.returncode == 0 else ()


@contextmanager
def stage(directory: Path, nodes: dict[str, str]) -> Iterator[Stage]:
    """Make the credentials as deploy/README.md says, and run a server.

    Args:
        directory: For all of it.
        nodes: The path of each node, by the name of its credentials.
    """
    creds = directory / "creds"
    folder = Folder(creds)
    folder.make("fog.v1")
    for role in ("admin", "aggregator"):
        folder.add(role, (), role)
    for name, path in nodes.items():
        folder.add("node", parse_path(path), name)
    (directory / "host").symlink_to("/")
    text = _OF_A_MACHINE.sub("", (DEPLOY / "nats-server-jwt.conf").read_text())
    with NatsServer(config=text, directory=directory) as server:
        yield Stage(
            directory,
            server,
            {
                "nats://nats:4222": server.url,
                "nats://nats.fog:4222": server.url,
                "/etc/fog/fog.toml": str(DEPLOY / "fog.toml"),
                "/etc/fog/creds": str(creds),
                "http://alertmanager:9093": f"http://{free_address()}",  # where nobody is
            },
        )
