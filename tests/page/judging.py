"""Judge a page in a browser as far as a program can: contrast, width, focus, colours that are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.page.browser import Tab

JUDGE: Final = Path(__file__).with_name("judge.js").read_text()
MOST_STOPS: Final = 400

_BLIND: Final = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Sight without one kind of cones, as linear RGB (Machado, Oliveira and Fernandes, 2009, severity 1)."""
KINDS_OF_SIGHT: Final = tuple(_BLIND)

_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)

Floats = npt.NDArray[np.float64]


def linear(colour: str) -> Floats:
    """Return #rrggbb as linear RGB."""
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str) -> Floats:
    """Return a colour as some people see it, in CIELAB (D65)."""
    seen = np.clip(_BLIND[sight] @ linear(colour), 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    x, y, z = (to_xyz @ seen) / np.array([0.95047, 1.0, 1.08883])
    f = [value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116 for value in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: str, other: str, sight: str) -> float:
    """Return how far apart two colours are for some people: Delta E of 1976."""
    return float(np.linalg.norm(lab(one, sight) - lab(other, sight)))


async def judge(opened: Tab, check: str, **options: Any) -> list[str]:
    """Return the faults that a check finds in what is shown now."""
    found: list[str] = await opened.page.evaluate(f"(options) => judge.{check}(options)", options)
    return found


async def stops(opened: Tab) -> list[dict[str, Any]]:
    """Press Tab from the top until the focus leaves the page; where it was."""
    await opened.page.evaluate("() => { document.activeElement?.blur(); scrollTo(0, 0); }")
    found: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        await opened.page.keyboard.press("Tab")
        at = await opened.page.evaluate("judge.focused()")
        if at is None:
            break
        found.append(at)
    return found


def out_of_order(found: list[dict[str, Any]]) -> list[str]:
    """Return where the focus goes against the order of reading: down a card, then down the page or a column on."""
    faults = []
    for next_ in found:
        one = next_["before"]  # none where its list was drawn anew meanwhile
        if one is None or one["fixed"] or next_["fixed"]:
            continue
        if one["card"] == next_["card"]:
            back = next_["bottom"] <= one["top"] + 1
        else:
            beside = next_["cardLeft"] > one["cardLeft"] + 40
            back = next_["cardTop"] < one["cardTop"] - 1 and not beside
        if back:
            faults.append(f"from {one['name']} in {one['card']} up to {next_['name']} in {next_['card']}")
    return faults
