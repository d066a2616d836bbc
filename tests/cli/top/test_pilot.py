"""`fog top` in Textual's pilot, with a real aggregator and real agents."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from fog_cli.api import Api
from fog_cli.errors import AnswerError
from fog_cli.top import app as module
from fog_cli.top.app import Top
from fog_cli.top.canvas import Canvas, styles
from fog_cli.top.screen.state import GONE, Link, State, Where
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.processes import ENVIRON, run
from tests.cli.top.made_up import problems
from tests.cli.words.test_problems import answer, problem

NODES = [f"fog/{place}/{node}" for place in "abc" for node in range(2)]


@asynccontextmanager
async def small_fleet(server: NatsServer) -> AsyncIterator[Fleet]:
    """Let six nodes at three places count orders. A busy machine makes no node of it stale."""
    async with Fleet(server.url, interval=1.0) as fleet:
        for path in NODES:
            collector = await fleet.node(path)
            collector.register_counter("orders_total", "Orders").increment(3)
            collector.record_event("began")
        await fleet.settle()
        yield fleet


def drawn(app: Top) -> str:
    """Return what the widget draws, line by line."""
    canvas = app.query_one(Canvas)
    return "\n".join(canvas.render_line(y).text.rstrip() for y in range(canvas.size.height))


async def shows(app: Top, text: str) -> None:
    """Wait until a text is on the screen."""
    try:
        await eventually(lambda: text in drawn(app))
    except TimeoutError:
        pytest.fail(f"{text!r} is not shown:\n{drawn(app)}")


class Clock:
    """Seconds that go by as a test wants."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.ahead


def opened(url: str, path: str = "", clock: Clock | None = None) -> Top:
    """Return the program, not begun."""
    return Top(Api(url), State(Where(path), link=Link(url)), clock or Clock())


class WithPending(Api):
    """An aggregator with an alert that is made up, which would fire in an hour."""

    def json(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """Answer, but for the problems."""
        pending = problem("Disk full", "fog/b", state="pending", fires_at=time.time() + 3540)
        return answer(pending) if path == "/api/alerts" else super().json(path, query)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_keyboard_goes_everywhere(fog_nats: NatsServer, size: tuple[int, int]) -> None:
    """It opens, goes down and up, filters, searches, shows each view, and ends with 0."""
    async with small_fleet(fog_nats) as fleet:
        app = Top(WithPending(fleet.url), State(Where(), link=Link(fleet.url)), Clock())
        async with app.run_test(size=size) as pilot:
            await shows(app, "All well")
            await shows(app, "  Nearest to firing  Disk full fog/b, in 59 min")
            await shows(app, "● live")
            await shows(app, "▸ fog")
            await pilot.press("enter")
            await shows(app, "3 children, worst first")
            await pilot.press("down", "enter")
            await shows(app, "2 children")
            assert drawn(app).startswith("fog/b ")
            await pilot.press("right")
            await shows(app, "fog/c ")
            await shows(app, "▸ 0 ")
            await pilot.press("enter")
            await shows(app, "orders_total")
            await shows(app, "live · last frame ")
            assert drawn(app).startswith("fog/c/0 ")
            await pilot.press("backspace", "backspace", "f", "a")
            await shows(app, "filter: a")
            await pilot.press("enter", "escape", "slash", *"b/1")
            await shows(app, "place  fog/b/1")
            await pilot.press("enter")
            await eventually(lambda: drawn(app).startswith("fog/b/1 "))
            for key, text in (
                ("n", "nodes not live: 0 of 0"),
                ("e", "began"),
                ("a", "firing, 0 pending"),
                ("m", "metrics: "),
            ):
                await pilot.press("g", key)
                await shows(app, text)
            await pilot.press("question_mark")
            await shows(app, "pause the list of events")
            await fits_a_smaller_terminal(app, pilot)
            await pilot.press("q")
        assert app.return_value == 0


async def fits_a_smaller_terminal(app: Top, pilot: Pilot[int]) -> None:
    """Make the terminal smaller: the list of nodes is drawn anew, and no line sticks out."""
    await pilot.press("escape", "g", "n")
    await pilot.resize_terminal(50, 12)
    await eventually(lambda: app.query_one(Canvas).size == (50, 12))
    await shows(app, "nodes not live: 0 of 0")
    assert all(len(line) <= 50 for line in drawn(app).splitlines())


class WithProblems(Api):
    """An aggregator with two problems that are made up, whenever it is asked for them."""

    def json(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """Answer, but for the problems."""
        return problems() if path == "/api/alerts" else super().json(path, query)


async def test_a_problem_and_an_aggregator_that_is_away(fog_nats: NatsServer) -> None:
    """A problem is chosen by its number; without a word for 15 s all that is shown says of when it is."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(small_fleet(fog_nats))
        app = Top(WithProblems(fleet.url), State(Where("fog"), link=Link(fleet.url)), clock)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, "Order errors rise")
            await pilot.press("2")
            await shows(app, "Enter opens it")
            await pilot.press("enter")
            await eventually(lambda: drawn(app).startswith("fog/ams/r04/n02"))
            await shows(app, "404")
            await pilot.press("backspace", "backspace", "backspace")
            await shows(app, "3 children")
            await stack.aclose()
            clock.ahead = GONE
            await shows(app, "Disconnected for")
            assert "3 children" in drawn(app)
            await pilot.press("ctrl+c")
    assert app.return_value == 130


class WithoutStream(Api):
    """An aggregator behind something that lets no stream through."""

    def open(self, path: str, *more: Any, **options: Any) -> Any:
        """Answer, but for the stream."""
        if path == "/api/stream":
            raise AnswerError("says 404 Not Found", 404)
        return super().open(path, *more, **options)


async def test_a_proxy_without_streams(fog_nats: NatsServer) -> None:
    """It is asked in place of that, and says so; numbers are shown all the same."""
    async with small_fleet(fog_nats) as fleet:
        app = Top(WithoutStream(fleet.url), State(Where("fog"), link=Link(fleet.url)))
        async with app.run_test(size=(80, 24)):
            await shows(app, "◌ polling")
            await shows(app, "3 children")
            await shows(app, "▲ says 404 Not Found")


def test_without_colours() -> None:
    """NO_COLOR leaves bold, faint and reverse: the signs tell the rest."""
    assert {style.color for style in styles(colours=False).values()} == {None}
    assert styles(colours=True)["critical"].color is not None
    assert styles(colours=False)["selected"].reverse


def test_begins_in_a_terminal_alone() -> None:
    """Else it says which commands print the same; without Textual, how it is installed; nobody answers: one line."""
    done = run("top")
    assert (done.returncode, done.stderr) == (
        2,
        "fog top: this is no terminal: fog alerts and fog nodes print the same\n",
    )
    code = "import sys; sys.modules['textual'] = None; from fog_cli.main import run; sys.exit(run(['top'], {}))"
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert bare.stderr == "fog top: textual is missing: pip install 'utilityfog-telemetry[top]'\n"
    main, beside = pty.openpty()
    command = [sys.executable, "-m", "fog_cli", "top", "--api", "127.0.0.1:1"]
    done = subprocess.run(
        command, stdin=beside, stdout=beside, stderr=subprocess.PIPE, text=True, env=ENVIRON, check=False
    )
    os.close(main)
    os.close(beside)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no aggregator answers" in done.stderr


@pytest.mark.parametrize("part", ["screen", "current"])
async def test_a_fault_of_drawing_is_said(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends neither the program nor its loading, nor a key, and goes away with its cause."""

    def fault(*_: object) -> None:
        raise OverflowError("too large \x1b[2J")

    monkeypatch.setattr(module, "screen", fault)
    monkeypatch.setattr(module, part, fault)
    app = opened("http://127.0.0.1:1")
    async with app.run_test(size=(100, 24)) as pilot:
        await shows(app, "this cannot be drawn: OverflowError('too large")
        await pilot.press("g", "n")
        assert app._loading is not None  # noqa: SLF001 - nothing else tells whether it goes on
        assert not app._loading.done()  # noqa: SLF001
        monkeypatch.undo()
        await shows(app, "? keys")
        await pilot.press("q")
    assert app.return_value == 0
