"""Measure what tiers cost beside one flat aggregator: messages, bytes and CPU of each, at several sizes of a fleet.

python benchmarks/tiers.py [--nodes 600 6000] [--series 20] [--interval 10] [--seconds 60] [--one-stream]

The load is `fog swarm` below four branches, fog/0 to fog/3. For each size there are two runs, on a server each:
one aggregator that reads everything, and a root with an aggregator for each branch, which sends up. Messages
and bytes are those that the server has delivered to each, CPU is of the processes, all in the same window once every
node has sent; rules are evaluated once a minute, so that a shorter one has them or not. With `--one-stream` the
branches have no streams of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from figures import note

from fog_testing.nats_server import NatsServer

BRANCHES: Final = ("fog/0", "fog/1", "fog/2", "fog/3")
FOG: Final = (sys.executable, "-m", "fog_cli")
_HERTZ: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """The messages, bytes and seconds of CPU of one program, up to a moment or in between."""

    messages: int
    size: int
    cpu: float

    def since(self, other: Spent) -> Spent:
        """Return the difference."""
        return Spent(self.messages - other.messages, self.size - other.size, self.cpu - other.cpu)


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, path: str) -> Any:
    """Return the JSON of an answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return json.load(answer)


def fog(*words: str) -> None:
    """Run a command to its end."""
    subprocess.run([*FOG, *words], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def program(command: Sequence[str]) -> Iterator[int]:
    """Run a program, yield its number, and end it, in good order if that takes no longer than 10 s."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def aggregators(url: str, interval: float, *, tiers: bool) -> Iterator[dict[str, tuple[int, int]]]:
    """Run the flat aggregator, or the tiers; yield the process and the HTTP port of each user."""
    given: dict[str, Sequence[str]] = {"flat": ()}
    if tiers:
        given = {"root": ("--path", "fog", "--branches", "fog/*")}
        for number, branch in enumerate(BRANCHES):
            given[f"branch-{number}"] = ("--path", branch, "--publish-rollup", "--rollup-interval", f"{interval}s")
    with ExitStack() as stack:
        running = {}
        for user, words in given.items():
            port = free_port()
            login = ("--nats", url, "--user", user, "--password", user, "--listen", f"127.0.0.1:{port}")
            state = ("--state-dir", stack.enter_context(TemporaryDirectory()))
            command = [*FOG, "aggregator", *login, *state, "--no-create-streams", "--log.level", "error", *words]
            running[user] = stack.enter_context(program(command)), port
        yield running


def spent(monitor: int, processes: dict[str, tuple[int, int]]) -> dict[str, Spent]:
    """Return what each aggregator has taken up to now."""
    connections = ask(monitor, "/connz?auth=1&limit=10000")["connections"]
    found = {}
    for user, (pid, _) in processes.items():
        ours = [one for one in connections if one.get("authorized_user") == user]
        ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
        messages, size = (sum(one[key] for one in ours) for key in ("out_msgs", "out_bytes"))
        found[user] = Spent(messages, size, sum(map(int, ticks)) / _HERTZ)
    return found


def nodes_of(processes: dict[str, tuple[int, int]]) -> int:
    """Return how many nodes the top aggregator knows."""
    port = processes.get("root", processes.get("flat", (0, 0)))[1]
    try:
        return sum(ask(port, "/api/status")["coverage"]["nodes"].values())
    except (OSError, ValueError, KeyError):
        return 0


def run(options: argparse.Namespace, nodes: int, *, tiers: bool) -> dict[str, Spent]:
    """Run a fleet under one arrangement; return what each aggregator took in the window."""
    monitor = free_port()
    names = ["load", "flat", "root", *(f"branch-{number}" for number in range(len(BRANCHES)))]
    users = ", ".join(f"{{ user: {name}, password: {name} }}" for name in names)
    config = f'http: "127.0.0.1:{monitor}"\njetstream {{}}\nauthorization {{ users: [{users}] }}\n'
    with NatsServer(config=config) as server, ExitStack() as stack:
        load = ("--nats", server.url, "--user", "load", "--password", "load")
        for path in () if options.one_stream or not tiers else BRANCHES:
            fog("streams", "apply", *load, "--path", path)
        fog("streams", "apply", *load)
        processes = stack.enter_context(aggregators(server.url, options.interval, tiers=tiers))
        shape = ("--nodes", str(nodes), "--series", str(options.series), "--interval", f"{options.interval}s")
        words = [*FOG, "swarm", *load, *shape, "--path", "fog", "--branching", "4", "--no-check", "--json"]
        stack.enter_context(program(words))
        deadline = time.monotonic() + 180
        while nodes_of(processes) < nodes:
            if time.monotonic() > deadline:
                raise SystemExit(f"{nodes_of(processes)} of {nodes} nodes after 3 minutes")
            time.sleep(0.5)
        time.sleep(options.interval)  # what began with keyframes is over
        before = spent(monitor, processes)
        time.sleep(options.seconds)
        after = spent(monitor, processes)
        return {user: after[user].since(before[user]) for user in processes}


def show(found: dict[str, Spent], seconds: float) -> None:
    """Print a line for each aggregator."""
    for user, one in found.items():
        rates = f"{one.messages / seconds:10,.1f} {one.size / seconds / 1000:10,.1f} {100 * one.cpu / seconds:8.2f}"
        print(f"  {user:10} {rates}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[600, 6000])
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--one-stream", action="store_true")
    options = parser.parse_args()
    print("              messages/s       kB/s    CPU %")
    for nodes in options.nodes:
        flat, tiers = (run(options, nodes, tiers=tiers) for tiers in (False, True))
        print(f"{nodes:,} nodes x {options.series} series @ {options.interval:g} s")
        show(flat | tiers, options.seconds)
        cpu, messages = (sum(getattr(one, what) for one in tiers.values()) for what in ("cpu", "messages"))
        alone = flat["flat"]
        note(f"tiers {nodes}", cpu / alone.cpu)
        print(f"  all tiers: {messages / alone.messages:.2f} times flat's messages, {cpu / alone.cpu:.2f} its CPU")


if __name__ == "__main__":
    main()
