"""An agent in a container reports the machine, as its root is mounted there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest

from fog_agent.sources.host import mounted_root, parse
from fog_agent.sources.host.metrics import FILESYSTEM_READONLY, LeftOut
from fog_agent.sources.host.mounts import Mounts
from fog_agent.sources.host.parse import Mount, MountState
from tests.cli.processes import run

NET_DEV = """Inter-|   Receive                            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0
 eth0:1: 11 12 13 14 15 16 17 18 21 22 23 24 25 26 27 28
"""


def machine(root: Path) -> Path:
    """Lay out the parts of a machine that an agent reads below its root."""
    (root / "proc" / "1" / "net").mkdir(parents=True)
    (root / "proc" / "1" / "net" / "dev").write_text(NET_DEV)
    for name, carrier, speed in (("lo", "1", ""), ("eth0:1", "0", "-1")):
        folder = root / "sys" / "class" / "net" / name
        folder.mkdir(parents=True)
        for file, text in (("mtu", "1500"), ("carrier", carrier), ("speed", speed)):
            if text:
                (folder / file).write_text(text + "\n")
    return root


def test_its_mounts_and_not_the_containers() -> None:
    """Each below the root, under the name that it has on the machine."""
    table = [Mount("d", "ext4", place) for place in ("/", "/host", "/host/var/lib", "/hosts", "/etc/hosts")]
    found = [mount.mountpoint for mount in mounted_root.mounts_below("/host", table)]
    assert found == ["/", "/var/lib"]


def test_a_mount_is_asked_where_it_is_mounted(tmp_path: Path) -> None:
    """The machine's /below is the container's ROOT/below; without it there is no answer."""
    (tmp_path / "below").mkdir()
    here, gone = Mounts(str(tmp_path)).ask([Mount("d", "ext4", "/below"), Mount("d", "ext4", "/gone")])
    assert (here.mount.mountpoint, here.stat is not None, gone.stat) == ("/below", True, None)


def test_nothing_is_said_of_a_root_that_is_mounted_read_only() -> None:
    """Of other mounts the flag is theirs; of the root it would be the container's."""
    states = [MountState(Mount("d", "ext4", place), os.statvfs("/")) for place in ("/", "/var")]
    told = [
        one[1][-1]
        for one in mounted_root.filesystem(states)
        if not isinstance(one, LeftOut) and one[0] is FILESYSTEM_READONLY
    ]
    assert told == ["/var"]


def test_its_interfaces(tmp_path: Path) -> None:
    """Counts come from the first process' table, states from /sys; one that is down has no speed."""
    transfers, states = mounted_root.network(str(machine(tmp_path)))
    assert transfers["lo"] == parse.Transfers(100, 2, 0, 0, 100, 2, 0, 0)
    assert transfers["eth0:1"] == parse.Transfers(11, 12, 13, 14, 21, 22, 23, 24)
    assert states == {"lo": (True, 1500, 0), "eth0:1": (False, 1500, 0)}


def test_an_interface_that_goes_meanwhile(tmp_path: Path) -> None:
    """It has no state, and the others have theirs."""
    root = machine(tmp_path)
    for file in (root / "sys" / "class" / "net" / "lo").iterdir():
        file.unlink()
    assert mounted_root.network(str(root))[1] == {"lo": None, "eth0:1": (False, 1500, 0)}


PROGRAM = """
import json, sys
from fog_agent.sources.host import default_sources
print(json.dumps({source.name: len(list(source.samples())) for source in default_sources(sys.argv[1])}))
"""


@pytest.mark.skipif(not Path("/proc/1/net/dev").is_file(), reason="a machine without /proc")
def test_all_sources_read_below_the_root(tmp_path: Path) -> None:
    """With a link to the machine's own root each source has samples; in a process, as psutil's path is global."""
    (tmp_path / "host").symlink_to("/")

    def samples(root: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, root], check=True, capture_output=True, text=True, timeout=60
        )
        return json.loads(done.stdout)

    below, plain = samples(str(tmp_path / "host")), samples("")
    assert below.keys() == plain.keys()
    for name in below.keys() - {"filesystem", "network", "disk"}:  # these may differ in a container, or be empty
        assert below[name] == plain[name] > 0, name


CONTAINER = """
    mount --rbind / "$2" && mount --make-rprivate "$2" && mount -o remount,bind,ro "$2" || exit 77
    mount -t proc proc /proc || exit 77
    exec setpriv --bounding-set=-all --inh-caps=-all "$0" -c "$1" "$2"
"""

INSIDE = """
import json, sys
import psutil
from fog_agent.sources.host import default_sources
found = [sample for source in default_sources(sys.argv[1]) for sample in source.samples()]
print(json.dumps({
    "own": list(psutil.net_if_addrs()),
    "left out": [sample for sample in found if len(sample) == 2],
    "up": {labels[0]: value for metric, labels, value in found if metric.name == "node_network_up"},
    "sizes": {labels[2]: value for metric, labels, value in found if metric.name == "node_filesystem_size_bytes"},
    "pids": [value for metric, _, value in found if metric.name == "node_processes_pids"],
    "capabilities": open("/proc/self/status").read().partition("CapEff:")[2].split()[0],
}))
"""


@pytest.mark.skipif(not (shutil.which("unshare") and shutil.which("setpriv")), reason="needs unshare and setpriv")
def test_from_namespaces_of_its_own_and_without_a_capability(tmp_path: Path) -> None:
    """As a container's: it sees the machine's interfaces with their state, its mounts by their names, its processes."""
    (tmp_path / "host").mkdir()
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", textwrap.dedent(CONTAINER)]
    done = subprocess.run(
        [*command, sys.executable, INSIDE, str(tmp_path / "host")],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"no such namespaces: {done.stderr!r}")
    seen = json.loads(done.stdout)
    assert (seen["own"], seen["capabilities"], seen["left out"]) == (["lo"], "0" * 16, [])
    assert seen["up"] == {name: int(state.isup) for name, state in psutil.net_if_stats().items()}
    assert seen["sizes"]["/"] == psutil.disk_usage("/").total
    assert not any(place.startswith(str(tmp_path)) for place in seen["sizes"])
    assert seen["pids"][0] > 2


def test_a_root_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """It names the option and the file that it looked for."""
    done = run("agent", "--path", "fog/0", "--once", "--host-root", str(tmp_path))
    assert done.returncode == 2
    assert f"--host-root {tmp_path}: no {tmp_path}/proc/stat is there" in done.stderr
