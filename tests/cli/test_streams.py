"""`fog streams apply` against a real server."""

from __future__ import annotations

from fog_testing.nats_server import NatsServer
from tests.cli.processes import run


def test_apply(fog_nats: NatsServer) -> None:
    """Creates; finds them fine; reports what differs and leaves it; changes it when asked to."""
    fine = "FOG_METRICS: fine\nFOG_EVENTS: fine\nFOG_ROLLUPS: fine\nFOG_CONTROL: fine\n"
    for _ in range(2):
        done = run("streams", "apply", "--nats", fog_nats.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, fine, "")
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d")
    assert done.returncode == 1
    assert "FOG_METRICS: max_age is " in done.stdout
    assert done.stdout.endswith("--update changes what differs\n")
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-age", "1d", "--update")
    assert (done.returncode, done.stdout) == (0, fine)


def test_fairness_is_an_option(fog_nats: NatsServer) -> None:
    """It is asked for, and then streams that have none are not as they should be; those of one writer are as before."""
    assert run("streams", "apply", "--nats", fog_nats.url).returncode == 0
    done = run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "1000")
    assert done.stdout.splitlines() == [
        "FOG_METRICS: max_msgs_per_subject is -1 and should be 1000",
        "FOG_EVENTS: max_msgs_per_subject is -1 and should be 1000",
        "FOG_ROLLUPS: fine",
        "FOG_CONTROL: fine",
        "--update changes what differs",
    ]
    assert run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "1000", "--update").returncode == 0
    assert run("streams", "apply", "--nats", fog_nats.url, "--max-per-subject", "-1").returncode == 2


def test_what_the_server_refuses(fog_nats: NatsServer) -> None:
    """Its own words, on one line."""
    done = run("streams", "apply", "--nats", fog_nats.url, "--replicas", "3")
    assert done.returncode == 1
    assert done.stderr.startswith("fog streams: FOG_METRICS: replicas > 1 not supported")
    assert done.stderr.count("\n") == 1


def test_no_server() -> None:
    """Says which one was tried."""
    done = run("streams", "apply", "--nats", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("fog streams: no NATS server answers at nats://127.0.0.1:1: ")
