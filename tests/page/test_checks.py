"""Each view in each scheme, as far as a program can judge it: contrast, width, focus, cuts, and the console."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from tests.page.browser import DESKTOP, PHONE, Tab, browser, needs_browser, tab
from tests.page.judging import JUDGE, KINDS_OF_SIGHT, difference, judge, out_of_order, stops
from tests.page.rich import DEEP, HOSTILE, RISING, rich_fleet

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
BETWEEN: Final = ((1000, 900), (800, 900))
VIEWS: Final = {
    "overview": ("#/", "Errors rise"),
    "branch": ("#/fog/a", "children"),
    "deep branch": (f"#/{DEEP.rpartition('/')[0]}", "1 child"),
    "node": (f"#/{RISING}", "sum of the above"),
    "nodes": ("#/?view=nodes&state=all", "quarantined"),
    "alerts": ("#/?view=alerts", "Silenced"),
    "events": ("#/?view=events", "order_failed"),
    "metrics": ("#/?view=metrics", "order_duration_seconds"),
}
"""Of each view: its address, and a text that is there when it is complete."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Provide one fleet for all of them: nothing in it changes."""
    async with browser(), rich_fleet(tmp_path_factory.mktemp("rich")) as rich:
        yield rich.url


async def views(opened: Tab, url: str) -> AsyncIterator[str]:
    """Open one view after the other, and wait until it is complete."""
    for name, (address, text) in VIEWS.items():
        await opened.page.goto(f"{url}/{address}")
        await opened.shows(text, "#view")
        yield name
    await opened.page.goto(f"{url}/#/")
    await opened.shows("Errors rise", "#view")
    await opened.page.keyboard.press("?")
    yield "keys"
    await opened.page.keyboard.press("Escape")
    await opened.page.keyboard.press("1")
    await opened.page.keyboard.press("s")
    await opened.shows("fog silence add", "dialog")
    yield "silence"


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (BETWEEN[0], "dark"), (BETWEEN[1], "light"), (PHONE, "dark")]
)
async def test_every_view(fleet: str, size: tuple[int, int], scheme: str) -> None:
    """Texts stand out, none is cut, nothing sticks out, lists are aligned, controls have names; no error."""
    faults: dict[str, list[str]] = {}
    async with tab("about:blank", size, scheme) as opened:
        await opened.page.add_init_script(JUDGE)
        async for name in views(opened, fleet):
            found = [*await judge(opened, "faint"), *await judge(opened, "wide", sideways=False)]
            found += [*await judge(opened, "cut"), *await judge(opened, "nameless")]
            found += [*await judge(opened, "askew"), *(await judge(opened, "small") if size == PHONE else [])]
            faults |= {name: found} if found else {}
        assert faults == {}, json.dumps(faults, indent=1, ensure_ascii=False)
        assert opened.said == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
async def test_the_focus_goes_as_one_reads(fleet: str, size: tuple[int, int]) -> None:
    """From the top to the end, down each card; and whoever presses Tab sees where it is."""
    faults: dict[str, list[str]] = {}
    async with tab("about:blank", size) as opened:
        await opened.page.add_init_script(JUDGE)
        for name in ("overview", "branch", "node"):
            address, text = VIEWS[name]
            await opened.page.goto(f"{fleet}/{address}")
            await opened.shows(text, "#view")
            found = await stops(opened)
            faults[name] = out_of_order(found)
            faults[name] += [f"no ring: {at['name']}" for at in found if not at["ring"]]
            faults[name] += [f"out of sight: {at['name']}" for at in found if not at["inside"]]
            faults[name] += [] if len(found) > 5 else [f"only {len(found)} stops"]
        assert not any(faults.values()), json.dumps(faults, indent=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_states_can_be_told_apart(fleet: str, scheme: str) -> None:
    """By whoever sees colours, and by whoever sees some of them; severities by their shape alone."""
    async with tab(fleet, scheme=scheme) as opened:
        await opened.shows("Errors rise", "#view")
        colours: dict[str, str] = await opened.page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement);
                const states = ['live', 'departed', 'stale', 'missing', 'quarantined', 'unread'];
                const name = (state) => ({ departed: '--critical', unread: '--ink' })[state] ?? `--${state}`;
                return Object.fromEntries(states.map((state) => [state, style.getPropertyValue(name(state)).trim()]));
            }"""
        )
        for sight in KINDS_OF_SIGHT:
            for one, other in itertools.combinations(colours, 2):
                apart = difference(colours[one], colours[other], sight)
                assert apart > 14.5, (sight, one, other, apart)
        swatches = await opened.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll('.figures .swatch')].map((one) => {
                const { backgroundImage, borderStyle, backgroundColor } = getComputedStyle(one);
                return [one.className, [backgroundImage, borderStyle, backgroundColor].join()];
            }))"""
        )
        assert len(set(swatches.values())) == len(swatches) >= 5


async def test_hostile_texts_are_texts(fleet: str) -> None:
    """Nothing of them becomes an element, and each of them is to be read in full."""
    async with tab(f"{fleet}/#/{RISING}") as opened:
        await opened.shows("sum of the above")
        for text in HOSTILE:
            await opened.shows(text, "#view")
        await opened.page.goto(f"{fleet}/#/?view=events")
        for text in HOSTILE:
            await opened.shows(text, "table")
        assert await opened.evaluate("document.querySelectorAll('main script, td script').length") == 0
        assert opened.said == []


async def test_twice_as_large(fleet: str) -> None:
    """A zoom of 200 % is half the width in pixels of twice the size: nothing sticks out, nothing is cut."""
    async with tab("about:blank", (DESKTOP[0] // 2, DESKTOP[1] // 2)) as opened:
        await opened.page.add_init_script(JUDGE)
        faults: dict[str, list[str]] = {}
        async for name in views(opened, fleet):
            found = [*await judge(opened, "wide", sideways=False), *await judge(opened, "cut")]
            faults |= {name: found} if found else {}
        assert faults == {}, json.dumps(faults, indent=1, ensure_ascii=False)
