"""Made-up problems and trees, with which parts of the page are tried."""

from __future__ import annotations

from typing import Any, Final

from tests.page.browser import Tab

MADE: Final = """
const { h } = await import('./base/dom.js');
const route = { path: '', view: 'overview', query: {} };
const now = () => 10000;
const problems = Array.from({ length: 11 }, (_, place) => ({
    id: `p${place}`, number: place + 1, title: 'Errors rise', path: `fog/${place}`, severity: 'warning', start: 9000,
    text: 'Orders fail.', alert: 'ErrorsRise', query: '', state: 'firing',
}));
const columns = (levels, children, names, states) => ({
    path: '', shape: 's', levels, children, names: { shared: '0'.repeat(names.length), rests: names.join() }, states,
    letters: { l: 'live', s: 'stale', d: 'departed', '-': '' },
});
"""
"""The scripts below begin with it: made-up problems and trees."""


async def made(page: Tab, script: str) -> Any:
    """Run a script with what is made up."""
    return await page.evaluate(f"async () => {{ {MADE}\n{script} }}")
