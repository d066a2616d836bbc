"""A verdict that is waited for is asked for again after all news, and not in between."""

from __future__ import annotations

import asyncio
import math
import time

from fog_agent.edge.driving.news import News

MINUTE = 60.0


async def test_a_verdict_is_asked_for_after_all_news() -> None:
    """Whatever they are about; and its end comes without any."""
    news, asked, answers = News(time.monotonic), asyncio.Semaphore(0), iter((None, None, True))

    async def ask() -> bool | None:
        asked.release()
        return next(answers, None)

    async with asyncio.timeout(MINUTE):
        verdict = asyncio.create_task(news.verdict(ask, time.monotonic() + MINUTE))
        for _ in range(2):
            await asked.acquire()
            await asyncio.sleep(0)
            news.tell()
        assert await verdict
        assert not await news.verdict(ask, time.monotonic())
        assert not await news.verdict(ask, -math.inf)


async def test_news_that_come_while_somebody_asks_are_not_missed() -> None:
    """A worker's thread may answer after they came, and nobody tells of them again."""
    news, answers = News(time.monotonic), iter((None, True))

    async def ask() -> bool | None:
        answer = next(answers)
        if answer is None:
            news.tell()
        return answer

    async with asyncio.timeout(MINUTE):
        assert await news.verdict(ask, time.monotonic() + 10 * MINUTE)
