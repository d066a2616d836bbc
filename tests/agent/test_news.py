"""Tasks of an agent wait for what each of them goes by: news wake nobody who would only look and wait again."""

from __future__ import annotations

import asyncio
import math
import time

from fog_agent.edge.driving.news import News

MINUTE = 60.0


class Moments:
    """Two numbers, and how often whoever goes by each of them was woken."""

    def __init__(self) -> None:
        self.news = News(time.monotonic)
        self.frame_at = self.events_at = math.inf
        self.woken: list[str] = []

    async def wait_for_frames(self) -> None:
        """Go by the one."""
        await self.news.wait(math.inf, lambda: self.frame_at, math.inf)
        self.woken.append("frames")

    async def wait_for_events(self) -> None:
        """Go by the other."""
        await self.news.wait(math.inf, lambda: self.events_at, math.inf)
        self.woken.append("events")


async def test_only_who_has_a_reason_is_woken() -> None:
    """A frame is due: the task of events goes on to wait, until there is one for it."""
    moments = Moments()
    async with asyncio.timeout(MINUTE), asyncio.TaskGroup() as group:
        frames = group.create_task(moments.wait_for_frames())
        events = group.create_task(moments.wait_for_events())
        await asyncio.sleep(0)
        moments.news.tell()
        moments.frame_at = 0.0
        moments.news.tell()
        await frames
        assert moments.woken == ["frames"]
        moments.events_at = 0.0
        moments.news.tell()
        await events
    assert moments.woken == ["frames", "events"]


async def test_what_came_before_the_wait_is_not_missed() -> None:
    """A worker's thread may have changed the number, and nobody tells of it again."""
    moments = Moments()
    moments.frame_at = 1.0
    async with asyncio.timeout(MINUTE):
        await moments.wait_for_frames()


async def test_a_moment_comes_without_news() -> None:
    """One that has passed, too, as far as a clock can say."""
    news = News(time.monotonic)
    async with asyncio.timeout(MINUTE):
        for until in (time.monotonic() + 0.01, time.monotonic(), -math.inf):
            await news.wait(until, lambda: 0.0, 0.0)


async def test_a_verdict_is_asked_for_after_all_news() -> None:
    """Whatever they are about; and its end comes without any."""
    news, asked, answers = News(time.monotonic), asyncio.Semaphore(0), iter((None, None, True))

    async def ask() -> bool | None:
        asked.release()
        return next(answers, None)

    async with asyncio.timeout(MINUTE):
        verdict = asyncio.create_task(news.verdict(ask, math.inf))
        for _ in range(2):
            await asked.acquire()
            await asyncio.sleep(0)
            news.tell()
        assert await verdict
        assert not await news.verdict(ask, time.monotonic())
