// The map: width is nodes, a row is a level. Painted from prefix sums, so that a hundred thousand nodes cost what the pixels cost.
import { ALL, ALL_BAD, NOT_LIVE } from "../data/tree.js";
import { colours, fillOf } from "./colours.js";
import { Raster } from "./raster.js";

const GAP = 2;
const FIRST_ROW = 24;
const LOWEST = 4;
const NARROW = 3;

/** The rows of a map. @returns {{top: number, height: number}[]} */
export function rows(levels, height) {
  const weights = Array.from({ length: Math.max(0, levels - 1) }, (_, level) => 1 + 0.45 * level);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const first = levels > 1 ? Math.min(FIRST_ROW, height / levels) : height;
  const rest = height - first - GAP * (levels - 1);
  let top = 0;
  return [first, ...weights.map((weight) => (rest * weight) / all)].map((high) => {
    const row = { top, height: high };
    top += high + GAP;
    return row;
  });
}

/**
 * Paint all levels.
 * @param {CanvasRenderingContext2D} pen
 * @param {import("../data/tree.js").Tree} tree
 * @param {{width: number, height: number, from: number, to: number, levels: [number, number], turned?: boolean, colour?: any, known?: boolean}} view
 */
export function paint(pen, tree, view) {
  const [low, high] = view.levels;
  const raster = new Raster(pen, Boolean(view.turned));
  const base = colours()[view.known === false ? "badge" : "live"];
  const fills = NOT_LIVE.map(fillOf);
  rows(high - low, view.height).forEach((row, index) => paintLevel({ tree, view, raster, base, fills, level: low + index, ...row }));
  raster.show();
}

function paintLevel(sheet) {
  const { tree, view, level } = sheet;
  const scale = view.width / (view.to - view.from);
  const end = tree.offsets[level + 1];
  let place = Math.max(tree.offsets[level], tree.from(level, view.from + 1e-9) - 1);
  for (let x = 0; x < view.width && place < end; ) {
    const left = (tree.start[place] - view.from) * scale;
    const wide = tree.wide[place] * scale;
    if (left + wide <= x + 1e-6) {
      // A place of no width, or left of what is shown: go to the first one that reaches the next pixel.
      place += 1;
    } else if (wide >= NARROW) {
      const from = Math.max(x, left);
      paintPlace(sheet, place, from, Math.min(view.width, left + wide) - from, wide);
      x = left + wide;
      place += 1;
    } else if (left >= Math.floor(x) + 1) {
      x = Math.floor(left);
    } else {
      x = Math.floor(x);
      const last = Math.max(place, tree.from(level, view.from + (x + 1) / scale - 1e-9) - 1);
      const next = last > place && tree.wide[last] * scale >= NARROW ? last : last + 1; // one that only begins here is painted as a place
      const begun = left < x - 1e-6 && next > place + 1; // the pixel before has it: here are those that begin here
      paintColumn(sheet, x, begun ? place + 1 : place, next);
      x += 1;
      place = last; // it may reach over the next pixel
    }
  }
}

function paintPlace(sheet, place, x, shown, wide) {
  const { view, raster, base, top, height } = sheet;
  const gap = wide > 12 ? GAP : wide > 4 ? 1 : 0; // parts of a pixel would be lines here and there
  const width = Math.max(1, shown - gap);
  raster.box(view.colour?.of(place) ?? base, x, top, width, height);
  if (view.known === false) return;
  if (view.colour) paintUnheard(sheet, place, x, width);
  else paintShares(sheet, place, x, width);
}

/** Fill from below by the share that is not live; as a block of the same area where that would be too low to see. */
function paintShares({ tree, raster, fills, top, height }, place, x, width) {
  const all = tree.between(place, place + 1, ALL_BAD);
  if (!all) return;
  const share = all / tree.nodes[place];
  let [high, wide] = [share * height, width];
  if (high < LOWEST) {
    high = LOWEST;
    wide = Math.min(width, Math.max(width < 12 ? 3 : LOWEST, (share * height * width) / LOWEST));
  }
  let at = x;
  for (let state = 0; state < fills.length; state += 1) {
    const part = (wide * tree.between(place, place + 1, state)) / all;
    if (!part) continue;
    raster.box(fills[state], at, top + height - high, Math.max(part, Math.min(1, wide)), high);
    at += part;
  }
}

/** With a metric's colours: the share without a value as lines of grey, and a mark where the worst is far above the mean. */
function paintUnheard(sheet, place, x, width) {
  const { view, raster, top, height } = sheet;
  hatch(sheet, place, place + 1, x, width);
  const mark = view.colour.mark?.(place);
  if (mark && width >= 6) raster.box(mark, x, top + height - 5, 6, 5);
}

function hatch({ tree, raster, top, height }, first, next, x, width) {
  const bad = tree.between(first, next, ALL_BAD);
  if (!bad) return;
  const high = Math.max(2, (bad / tree.between(first, next, ALL)) * height);
  for (let y = top + height - high; y < top + height; y += 3) raster.box(colours().ink3, x, y, width, 1);
}

/** A pixel column of places that are narrower than a pixel or two: shares from below, each to be seen, in pure colours. */
function paintColumn(sheet, x, first, next) {
  const { tree, view, raster, base, fills, top, height } = sheet;
  raster.box(view.colour ? view.colour.range(first, next) : base, x, top, 1, height);
  if (view.known === false || !tree.between(first, next, ALL_BAD)) return;
  if (view.colour) {
    hatch(sheet, first, next, x, 1);
    return;
  }
  const all = tree.between(first, next, ALL);
  let bottom = top + height;
  for (let state = 0; state < fills.length && bottom > top; state += 1) {
    const number = tree.between(first, next, state);
    if (!number) continue;
    const high = Math.min(bottom - top, Math.max(state ? 2 : 3, Math.round((number / all) * height)));
    bottom -= high;
    raster.box(fills[state], x, bottom, 1, high);
  }
}
