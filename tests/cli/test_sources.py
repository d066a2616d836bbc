"""`fog check sources`, and `fog agent --sources` with a file that cannot be used, and with a target."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, start_http_server

from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator
from tests.cli.bus import with_streams
from tests.cli.processes import fog, run


def test_check_says_of_each_file_whether_it_can_be_used(tmp_path: Path) -> None:
    """Exit code 1 when one cannot."""
    fine, wrong = tmp_path / "fine.toml", tmp_path / "wrong.toml"
    fine.write_text("")
    wrong.write_text("[nothing]\n")
    assert run("check", "sources", str(fine)).stdout == f"{fine}: fine: it has no sources\n"
    done = run("check", "sources", str(wrong), str(fine))
    assert done.returncode == 1
    assert f"{wrong}: [nothing]: no such kind of source" in done.stderr
    assert "which files?" in run("check", "sources").stderr


def test_an_agent_refuses_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """As a wrong argument, before it starts."""
    done = run("agent", "--path", "fog/0/3", "--sources", str(tmp_path / "nowhere.toml"))
    assert done.returncode == 2
    assert "nowhere.toml: cannot be read: No such file" in done.stderr


def scraped(fleet_text: str | None) -> int:
    """Return the fleet's count of orders; -1 before there is one."""
    lines = (fleet_text or "").splitlines()
    return next((int(float(line.rpartition(" ")[2])) for line in lines if line.startswith("orders_total{")), -1)


async def test_scraped_counts_are_exact_over_kills(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The past of the target is not counted; what it counts is, once, while the agent lives and while it is away."""
    url = await asyncio.to_thread(with_streams, fog_nats.url)
    registry = CollectorRegistry()
    orders = Counter("orders", "Orders", registry=registry)
    orders.inc(1000)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    file = tmp_path / "sources.toml"
    file.write_text(
        f'[[scrape]]\nname = "shop"\nurl = "http://127.0.0.1:{server.server_port}/"\ninterval = 0.2\ntimeout = 0.15\n'
    )
    arguments = ["--path", "fog/0", "--nats", url, "--interval", "100ms", "--state-dir", str(tmp_path / "state")]
    told = 0
    try:
        async with aggregator("--nats", url) as view:
            for kill in (True, False):
                with fog("agent", *arguments, "--sources", str(file)) as agent:

                    async def counted() -> bool:
                        return scraped(await view.metrics()) == told  # noqa: B023 - awaited in this turn

                    await eventually(counted, deadline=60, what=f"the fleet has {told}")
                    orders.inc(10)
                    told += 10
                    await eventually(counted, deadline=60, what=f"the fleet has {told}")
                    agent.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
                    await asyncio.to_thread(agent.communicate, timeout=60)
                orders.reset()  # the target began anew, too, and has more than before
                orders.inc(5000)
                told += 5000
    finally:
        server.shutdown()
        server.server_close()
        thread.join(40)
