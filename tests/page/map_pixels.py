"""Read the map as pixels, and count those of a state."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.page.browser import Tab

_READ: Final = """() => {
    const canvas = document.querySelector('.map canvas');
    const { width, height } = canvas;
    const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    let text = '';
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const colours = { stale: colour('stale-thin'), departed: colour('critical') };
    return { width, height, pixels: btoa(text), colours };
}"""
_FIRST, _GAP = 24, 2


@dataclass(frozen=True)
class Picture:
    """The pixels of a map whose places are equally wide in each level.

    Attributes:
        pixels: By row and column.
        colours: Of states, as #rrggbb.
        levels: How many places each level has.
    """

    pixels: npt.NDArray[np.uint8]
    colours: dict[str, str]
    levels: tuple[int, ...]

    def row(self, level: int) -> slice:
        """Return the rows of pixels of a level."""
        weights = [1 + 0.45 * number for number in range(len(self.levels) - 1)]
        rest = self.pixels.shape[0] - _FIRST - _GAP * (len(self.levels) - 1)
        heights = [_FIRST, *(rest * weight / sum(weights) for weight in weights)]
        top = sum(heights[:level]) + _GAP * level
        return slice(round(top), round(top + heights[level]))

    def columns(self, level: int, place: int) -> slice:
        """Return the columns of pixels of a place."""
        wide = self.pixels.shape[1] / self.levels[level]
        return slice(int(place * wide), int(np.ceil((place + 1) * wide)))

    def area(self, state: str, level: int) -> int:
        """Count the pixels of a state in the row of a level."""
        text = self.colours[state]
        colour = [int(text[at : at + 2], 16) for at in (1, 3, 5)]
        return int((self.pixels[self.row(level)] == colour).all(axis=2).sum())

    def changed(self, before: Picture) -> npt.NDArray[np.bool_]:
        """Return which pixels are not what they were."""
        found: npt.NDArray[np.bool_] = (self.pixels != before.pixels).any(axis=2)
        return found


async def picture(opened: Tab, levels: tuple[int, ...]) -> Picture:
    """Take the map as it is now."""
    found: dict[str, Any] = await opened.page.evaluate(_READ)
    flat = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8)
    return Picture(flat.reshape(found["height"], found["width"], 4)[:, :, :3], found["colours"], levels)
