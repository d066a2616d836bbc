"""How the page looks, as far as a program can judge: contrast, bytes."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from fog_aggregator.components.http.web.files import page_files, sources

ROOT = Path(__file__).parents[2]
FIRST, ALL = 34_000, 56_350
"""As gzip: the page, its script and its style sheet; and with the script that the other views need."""
TEXTS = ("ink", "ink2", "ink3", "link", "ok", "critical", "stale-text")
GROUNDS = ("surface", "raised")


def colours(scheme: str) -> dict[str, str]:
    """Return the page's colours by name, as one scheme has them."""
    [css] = [file.body.decode() for file in page_files() if file.path == "/css/tokens.css"]
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", light))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", dark)) if scheme == "dark" else found


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(scheme: str) -> None:
    """Each colour of a text has a contrast of 4.5 on each ground."""
    found = colours(scheme)
    assert min(contrast(found[text], found[ground]) for text in TEXTS for ground in GROUNDS) >= 4.5
    assert contrast(found["on-critical"], found["critical"]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_stand_out_on_the_map(scheme: str) -> None:
    """Each state that is not live has a contrast of 3 on the colour of what is."""
    found = colours(scheme)
    for state in ("critical", "stale-thin", "missing", "quarantined"):
        assert contrast(found[state], found["live"]) >= 2.95, state


def test_the_keys_are_documented() -> None:
    """docs/page.md has the keys of the sheet that the page shows, in its order."""
    [sheet] = [file.body.decode() for file in page_files() if file.path == "/parts/key_sheet.js"]
    shown = re.findall(r'^  \["(.+)", "(.+)"\],$', sheet, re.MULTILINE)
    text = (ROOT / "docs" / "page.md").read_text().partition("## Keys")[2]
    assert re.findall(r"^\| `(.+)` \| (.+) \|$", text, re.MULTILINE) == shown


def test_the_footer_knows_all_losses() -> None:
    """The counters that METRICS.md marks as a loss, whatever their labels, are those that the footer counts."""
    text = (ROOT / "METRICS.md").read_text()
    losses = re.findall(r"^\| `(fog_\w+)_total` .*\| \*\*Loss\*\* \|$", text, re.MULTILINE)
    figures = sources()["data/figures.js"].decode().partition("const LOSSES = [")[2].partition("]")[0]
    assert re.findall(r'"(\w+)"', figures) == losses


def test_the_page_is_small() -> None:
    """The files that a browser is sent are within their bounds, and no module that they are made of is large."""
    paths = ("/", "/page.js", "/page.css", "/more.js")
    sizes = {file.path: len(file.packed["gzip"]) for file in page_files() if file.path in paths}
    assert sum(sizes.values()) - sizes["/more.js"] <= FIRST
    assert sum(sizes.values()) <= ALL
    assert all(len(file.packed["br"]) < 0.95 * sizes[file.path] for file in page_files() if file.path in paths)
    assert max(len(gzip.compress(body, 9)) for body in sources().values()) <= 4_000
