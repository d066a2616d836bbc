"""`fog agent` as a process, against a real server and against none; `fog decode` beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from fog_cli.actions.frame_text import FrameText
from fog_schema.codec import decode_definitions, encode, encode_definitions
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.frames import COUNTER, DELTA, EVENTS, FINAL, KEYFRAME, Definition, Event, Frame, Numbers
from fog_testing.nats_server import NatsServer
from tests.cli.bus import last_frame, with_streams
from tests.cli.processes import fog, run


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Return the first line of standard error that has `words`."""
    assert process.stderr is not None
    return next(line for line in process.stderr if words in line)


def test_once_prints_what_it_would_send() -> None:
    """Names, labels and values; nothing is sent, so no server is needed."""
    done = run("agent", "--path", "fog/0/3", "--once")
    assert done.returncode == 0
    assert done.stdout.startswith("keyframe, 1, final, last part, ")
    assert "gauge" in done.stdout
    assert 'node_cpu_seconds_total{cpu="0",mode="user"} = 0' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "where in the tree is this node? Give --path fog/0/3"),
        (["--path", "fog/0/a b"], "token 3 'a b' is not allowed"),
        (["--path", "fog/${NOWHERE}"], "the variable NOWHERE is not set"),
        (["--path", "fog", "--interval", "0"], "--interval: '0' is out of bounds: write 0.1s to 1h"),
        (["--path", "fog", "--inbox-prefix", "a.>"], "inbox prefix 'a.>' is not allowed"),
        (["--path", "fog", "--nats", "http://x"], "'http://x' is not a NATS address"),
        (["--path", "fog", "--creds", "/nowhere"], "/nowhere: no such file"),
        (["--path", "fog", "--context", "nowhere"], "no NATS context 'nowhere'"),
        (["--path", "fog", "--config", "/nowhere"], "/nowhere: cannot be read"),
        (["--path", "fog", "--stop-on-eof"], "--stop-on-eof needs standard input to be a pipe or a terminal"),
        (["--path", "fog", "--pth", "x"], "--pth is not known here; did you mean --path?"),
    ],
)
def test_misuse(arguments: list[str], said: str) -> None:
    """One line that says what to do, exit code 2, no traceback."""
    done = run("agent", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("fog agent: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_server_it_keeps_trying_and_says_so() -> None:
    """It runs, logs once, and ends when told to, although its last counts went nowhere."""
    with fog("agent", "--path", "fog/0/3", "--nats", "127.0.0.1:1", "--deadline", "100ms") as process:
        assert "level=warning" in read_until(process, "cannot connect to NATS at nats://127.0.0.1:1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


def test_the_last_counts_are_flushed(fog_nats: NatsServer, tmp_path: Path) -> None:
    """SIGTERM: the last frame in the stream is final, and has the counts that the agent's own ledger has."""
    url, ledger = with_streams(fog_nats.url), tmp_path / "ledger.json"
    arguments = ["--path", "fog/0/3", "--nats", url, "--interval", "100ms", "--ledger", str(ledger)]
    with fog("agent", *arguments) as process:
        read_until(process, "connected to NATS")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    frame = asyncio.run(last_frame(url, ("fog", "0", "3")))
    assert frame.flags & FINAL
    assert frame.counters is not None
    ids = {d.name: d.ids.tolist() for d in decode_definitions(frame.definitions)}
    [runs] = ids["telemetry_collection_runs_total"]
    sent = dict(zip(frame.counters.ids.tolist(), frame.counters.values.tolist(), strict=True))
    assert sent[runs] == json.loads(ledger.read_text())["telemetry_collection_runs_total"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_a_ledger_is_not_written_over_a_link_of_somebody_else(tmp_path: Path) -> None:
    """As no exporter's file is."""
    target, link = tmp_path / "target", tmp_path / "ledger.json"
    target.write_bytes(b"ours")
    link.symlink_to(target)
    os.lchown(link, 1234, 1234)
    arguments = ["--path", "fog/0/3", "--nats", "127.0.0.1:1", "--deadline", "100ms", "--ledger", str(link)]
    with fog("agent", *arguments) as process:
        read_until(process, "cannot connect to NATS")
        process.send_signal(signal.SIGTERM)
        assert "cannot be written: it is a link of user 1234" in read_until(process, "cannot be written")
        assert process.wait(40) == 1
    assert target.read_bytes() == b"ours"


def test_decode_follows_a_path(fog_nats: NatsServer) -> None:
    """It asks for a keyframe, so that the deltas that follow have names."""
    url = with_streams(fog_nats.url)
    with fog("agent", "--path", "fog/0/3", "--nats", url, "--interval", "100ms") as agent:
        read_until(agent, "connected to NATS")
        with fog("decode", "--path", "fog/0/3", "--nats", url) as decode:
            assert decode.stdout is not None
            lines = iter(decode.stdout)
            assert next(line for line in lines if ": keyframe, " in line).startswith("fog.v1.metrics.fog.0.3: ")
            next(line for line in lines if ": delta, " in line)
            assert "gauge #" in next(line for line in lines if "node_time_seconds" in line)
            decode.send_signal(signal.SIGINT)
            decode.communicate(timeout=40)
            assert decode.returncode == 0


def test_decode_a_file(tmp_path: Path) -> None:
    """A frame from a file; of a delta alone the ids have no names."""
    file = tmp_path / "frame.bin"
    frame = Frame(DELTA, epoch=0xABC, seq=7, age_ms=1500, counters=Numbers(pack_ids([3]), pack_ints([5])))
    file.write_bytes(encode(frame))
    done = run("decode", str(file))
    assert done.returncode == 0
    size = len(file.read_bytes())
    heading = f"delta, 7, epoch 0000000000000abc, age 1.5s, every 10s, {size} bytes"
    assert done.stdout.splitlines() == [heading, "  counter #3 +5"]


def test_what_nodes_write_does_not_command_the_terminal() -> None:
    """A label value, an event's name, a fact about a node: escapes are shown, not obeyed."""
    evil = "\x1b]0;x\x07\x9b2J\r\u202e"
    ids = pack_ids([0])
    definitions = encode_definitions([Definition("a_total", COUNTER, evil, "", (), (), ("l",), ids, (evil,))])
    numbers = Numbers(ids, pack_ints([1]))
    text = FrameText()
    lines = [
        *text.lines(encode(Frame(KEYFRAME, 1, 1, info={evil: evil}, definitions=definitions, counters=numbers))),
        *text.lines(encode(Frame(EVENTS, 1, 1, events=(Event(evil, evil, {evil: evil}, {evil: evil}, 1.0),)))),
    ]
    assert all(map(str.isprintable, lines)), lines
    assert r'a_total{l="\x1b]0;x\x07\x9b2J\r\u202e"} = 1' in lines[-3]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"hello", 1, "not a frame: not_a_frame: begins with 68 65 6c 6c 6f"),
        (None, 2, "cannot be read: No such file or directory"),
    ],
)
def test_decode_refuses(tmp_path: Path, content: bytes | None, code: int, said: str) -> None:
    """With the wire's own reason."""
    file = tmp_path / "frame.bin"
    if content is not None:
        file.write_bytes(content)
    done = run("decode", str(file))
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
