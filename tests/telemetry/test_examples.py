"""The SDK's examples do what they say."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> list[str]:
    """Return the lines that an example prints."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_basics() -> None:
    """Outcomes add up, failures were counted, every job was timed."""
    lines = run("sdk_basics.py")
    assert 'example_jobs_total{outcome="ok"} 45' in lines
    assert 'example_jobs_total{outcome="failed"} 5' in lines
    assert "example_errors_total 5" in lines
    assert "example_job_duration_seconds_count 50" in lines
    assert "example_jobs_waiting 0" in lines


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_prefork() -> None:
    """Each process has its own count."""
    assert run("sdk_prefork.py") == ["worker 10: 10", "worker 20: 20", "parent: 3"]


def test_service(tmp_path: Path) -> None:
    """The file has every message, and the log record became an event."""
    file = tmp_path / "folder" / "example.prom"
    assert run("sdk_service.py", str(file)) == ["logged: WARNING the queue is empty"]
    lines = file.read_text("utf-8").splitlines()
    assert "messages_sent_total 100" in lines
    assert "messages_received_total 100" in lines
    assert "message_queue_size 0" in lines
    assert "message_processing_duration_seconds_count 200" in lines


def test_http() -> None:
    """The scraper gets the format it asks for."""
    command = [sys.executable, str(EXAMPLES / "sdk_http.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        request = urllib.request.Request(address, headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read().decode()
            content_type = response.headers["Content-Type"]
        server.terminate()
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert "example_scrapes_total 1\n" in body
    assert body.endswith("# EOF\n")
