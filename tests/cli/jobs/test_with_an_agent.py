"""Jobs and a real `fog agent`: what they tell is in its own account of what it counted, once."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from tests.cli.jobs.listening import Place
from tests.cli.processes import fog


def test_jobs_before_with_and_after_an_agent(place: Place, tmp_path: Path) -> None:
    """A spool, then a socket; an agent that is gone leaves neither, and the next one takes what came meanwhile."""
    file, ledger = tmp_path / "sources.toml", tmp_path / "ledger.json"
    file.write_text(f'[jobs]\nsocket = "{place.socket}"\nspool = "{place.spool}"\n')
    arguments = ["--path", "fog/0/3", "--nats", "127.0.0.1:1", "--deadline", "100ms", "--interval", "100ms"]
    counted = []
    for _ in range(2):
        assert place.fog("run", "--name", "j", "--", "sh", "-c", "exit 3")[0] == 3
        assert len(list(place.spool.iterdir())) == 2
        with fog("agent", *arguments, "--sources", str(file), "--ledger", str(ledger)) as agent:
            end = time.monotonic() + 20
            while list(place.spool.iterdir()) or not place.socket.exists():
                assert time.monotonic() < end
                time.sleep(0.02)
            assert place.fog("run", "--name", "j", "--sync", "--", "true") == (0, b"", b"")
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(60) == 0
        assert not place.socket.exists()
        book = json.loads(ledger.read_text())
        counted.append((book["job_runs_total"], book["job_duration_seconds_count"], book["telemetry_events_total"]))
    assert counted == [(2, 2, 1), (2, 2, 1)]
