"""The edge of `fog top`: Textual's keys, clicks and clock on one side, the aggregator's answers on the other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Final

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType

from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_cli.live.following import Break
from fog_cli.live.messages import Message
from fog_cli.top import asking
from fog_cli.top.canvas import Canvas
from fog_cli.top.feed import Feed, aside
from fog_cli.top.screen.compose import Row, current, screen
from fog_cli.top.screen.keys import LOAD, Effect, press
from fog_cli.top.screen.listing import Listing, made
from fog_cli.top.screen.state import QUIET, State
from fog_cli.words.text import fitted, printable

EVERY: Final = 10.0
"""Seconds after which all that is shown is asked for anew."""
SETTLE: Final = 2.0
"""Seconds in which changes that come together are one; a key waits for nothing."""
SPARKS: Final = 60.0
_INTERRUPTED: Final = 130
FAULTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Raised where an answer has what nobody expects."""


class Top(App[int]):
    """The page in a terminal.

    Args:
        api: The aggregator.
        state: The screen to begin with.
        clock: Seconds since 1970.
    """

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = "Screen, Canvas { background: transparent; }"

    def __init__(self, api: Api, state: State, clock: Callable[[], float] = time.time) -> None:
        super().__init__(ansi_color=True)
        self.api = api
        self.state = state
        self._clock = clock
        self._canvas = Canvas(colours=not os.environ.get("NO_COLOR"))
        self._due, self._pressed = asyncio.Event(), asyncio.Event()
        self._feed = Feed(api, self._take)
        self._loading: asyncio.Task[None] | None = None
        self._sparks_at = 0.0

    def compose(self) -> ComposeResult:
        """Return the one widget."""
        yield self._canvas

    def on_mount(self) -> None:
        """Begin to follow and to ask."""
        self._feed.start()
        self._loading = asyncio.create_task(self._load_on())
        self.set_interval(1.0, self.show)
        self.show()

    def on_unmount(self) -> None:
        """End."""
        self._feed.close()
        if self._loading is not None:
            self._loading.cancel()

    def on_resize(self) -> None:
        """Draw in the new size."""
        self.call_after_refresh(self.show)

    def show(self) -> None:
        """Show what is known now."""
        width, height = self.size
        if width and height:
            self._canvas.show(self._drawn(width, max(3, height)))

    def _drawn(self, width: int, height: int) -> list[Row]:
        """Draw the screen; a fault of that is said in its place, and ends neither the program nor the loading."""
        try:
            return screen(self.state, width, height, self._clock())
        except FAULTS as error:
            text = f"this cannot be drawn: {error!r}; g and a letter lead to another view, q ends"
            return [Row(fitted([(printable(text), "critical")], width)), *[Row([(" " * width, "")])] * (height - 1)]

    def _table(self) -> Listing:
        """Return the table that keys move in; an empty one when it cannot be made, which `show` says."""
        try:
            return current(self.state, self._clock())
        except FAULTS:
            return made("", [], [], [], "")

    def on_key(self, event: events.Key) -> None:
        """Hand a key to the screen."""
        event.prevent_default()
        event.stop()
        if event.key == "ctrl+c":
            self.exit(_INTERRUPTED)
            return
        key = event.character if event.character and event.is_printable else event.key
        for effect in press(self.state, key, self._table()):
            self._do(effect)
        self.show()

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked at; once more, and it is opened."""
        if not 0 <= event.y < len(self._canvas.rows):
            return
        row, chosen = self._canvas.rows[event.y], self.state.chosen
        if row.problem:
            chosen.problem = row.problem
        elif row.row >= 0:
            is_same = chosen.row == row.row and not chosen.problem
            chosen.row, chosen.problem = row.row, 0
            if is_same:
                for effect in press(self.state, "enter", self._table()):
                    self._do(effect)
        self.show()

    def _do(self, effect: Effect) -> None:
        if effect.what == "quit":
            self.exit(0)
        elif effect.what == "copy":
            self.copy_to_clipboard(effect.text)
        elif effect.what == "search":
            self.run_worker(self._search(effect.text), exclusive=True, group="search")
        elif effect.what == "beside":
            self.run_worker(self._beside(int(effect.text)), exclusive=True, group="beside")
        else:
            self._pressed.set()
            self._due.set()

    def _take(self, message: Message | Break | CommandError) -> None:
        """Take what the stream tells. It may be hundreds of events a second: these draw nothing by themselves."""
        link, now = self.state.link, self._clock()
        if isinstance(message, CommandError):
            link.polling = True
            self.state.answers.errors["stream"] = str(message)
        elif isinstance(message, Break):
            link.next_try = now + message.wait
        elif message.kind == "status":
            was_ready = self.state.is_ready
            link.polling, link.next_try = False, 0.0
            link.hear(message.data, now)
            self.state.answers.errors.pop("stream", None)
            if was_ready != self.state.is_ready:
                self._do(LOAD)
            self.show()
        elif message.kind != "event" or self.state.where.view == "events":
            self._due.set()

    async def _load_on(self) -> None:
        """Ask again and again: after each change, and every 10 s."""
        while True:
            is_urgent = self._pressed.is_set()
            self._due.clear()
            self._pressed.clear()
            await self._load(again=not is_urgent and self._clock() - self._sparks_at < SPARKS)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._due.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE):
                    await self._pressed.wait()

    async def _load(self, *, again: bool) -> None:
        state, now = self.state, self._clock()
        if now - state.link.last > QUIET or not state.is_ready or "streams" not in (state.link.status or {}):
            await self._ask_status()
        answers = state.answers
        for question in asking.questions(self.api, state, now + state.link.ahead, again=again):
            try:
                question.take(answers, await aside(question.ask))
                answers.errors.pop(question.name, None)
            except CommandError as error:
                answers.errors[question.name] = str(error)
            except FAULTS as error:
                answers.errors[question.name] = f"the answer for {question.name} cannot be read: {error!r}"
            if state.answers is not answers:  # the reader has gone elsewhere
                return
            self.show()
        if not again:
            self._sparks_at = self._clock()

    async def _ask_status(self) -> None:
        """Ask for the status, as nothing comes by the stream, or only a part of it has."""
        silent = self._clock() - self.state.link.last > QUIET
        try:
            status = await aside(lambda: self.api.json("/api/status"))
        except CommandError:
            return  # the pill says for how long it is not heard
        self.state.link.polling |= silent and self.state.link.last > 0
        self.state.link.hear(status, self._clock())

    async def _search(self, text: str) -> None:
        """Ask for what is typed, once no more is typed for a moment."""
        await asyncio.sleep(0.15)
        try:
            self.state.answers.hits = await aside(lambda: asking.found(self.api, "", text)) if text.strip() else []
            self.state.answers.errors.pop("search", None)
        except CommandError as error:
            self.state.answers.errors["search"] = str(error)
        self.show()

    async def _beside(self, step: int) -> None:
        path = self.state.where.path
        try:
            found = await aside(lambda: asking.beside(self.api, path, step))
        except CommandError:
            return
        if found != path and self.state.where.path == path:
            self.state.go(found, self.state.where.view)
            self._do(LOAD)
