"""nats-server takes each of its configurations, those for containers too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from fog_cli.credentials.folder import Folder
from fog_testing.nats_server import find_nats_server
from tests.deployments.shipped import DEPLOY

FILES: Final = sorted(file for file in DEPLOY.rglob("*.conf") if file.name != "nginx.conf")


def taken(file: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Let the server check a configuration, beside the files that it includes, with the variables that it names."""
    text = "".join(one.read_text() for one in FILES)
    variables = {name: f"value-of-{name}" for name in re.findall(r"\$(FOG_\w+)", text)}
    variables["FOG_HUB_URL"] = '"nats-leaf://leaf:secret@127.0.0.1:7422"'
    for beside in file.parent.glob("*.conf"):
        shutil.copy(beside, directory)
    command = [str(find_nats_server()), "-t", "-c", str(directory / file.name)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | variables)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_the_server_takes_it(file: Path, tmp_path: Path) -> None:
    """With the resolver's part of `fog creds init` where one is included."""
    Folder(tmp_path / "creds").make("fog.v1")
    done = taken(file, tmp_path)
    assert (done.returncode, "is valid" in done.stderr) == (0, True), done.stderr


def test_it_refuses_what_is_wrong(tmp_path: Path) -> None:
    """A word that it does not know is named."""
    broken = tmp_path / "there" / "broken.conf"
    broken.parent.mkdir()
    broken.write_text((DEPLOY / "nats-server.conf").read_text() + "\njetstreem: {}\n")
    done = taken(broken, tmp_path)
    assert done.returncode != 0
    assert "jetstreem" in done.stderr
