// The map: width is nodes, a row is a level. Painted from prefix sums, so that a hundred thousand nodes cost what the pixels cost.
import { SHOWN } from "../data/tree.js";
import { colours, fillOf } from "./colours.js";

const GAP = 2;
const FIRST = 24;
const LOWEST = 4;
const NARROW = 3;

/** The rows of a map. @returns {{top: number, height: number}[]} */
export function rows(levels, height) {
  const weights = Array.from({ length: Math.max(0, levels - 1) }, (_, level) => 1 + 0.45 * level);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const first = levels > 1 ? Math.min(FIRST, height / levels) : height;
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
  const [under, over] = [new Brush(), new Brush()];
  rows(high - low, view.height).forEach((row, index) => paintLevel({ tree, view, under, over, level: low + index, ...row }));
  under.fill(pen, view.turned);
  over.fill(pen, view.turned);
}

/** Rectangles by colour: a canvas is quick while its colour stays the same. */
class Brush {
  constructor() {
    /** @type {Map<string, number[]>} */
    this.boxes = new Map();
  }

  box(colour, x, y, wide, high) {
    let boxes = this.boxes.get(colour);
    if (!boxes) this.boxes.set(colour, (boxes = []));
    boxes.push(x, y, wide, high);
  }

  fill(pen, turned) {
    for (const [colour, boxes] of this.boxes) {
      pen.fillStyle = colour;
      for (let at = 0; at < boxes.length; at += 4) {
        if (turned) pen.fillRect(boxes[at + 1], boxes[at], boxes[at + 3], boxes[at + 2]);
        else pen.fillRect(boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]);
      }
    }
  }
}

function paintLevel(sheet) {
  const { tree, view, level } = sheet;
  const scale = view.width / (view.to - view.from);
  const last = tree.offsets[level + 1];
  const run = new Run(sheet);
  let place = Math.max(tree.offsets[level], tree.from(level, view.from + 1e-9) - 1);
  for (let x = 0; x < view.width && place < last; ) {
    const left = (tree.start[place] - view.from) * scale;
    const wide = tree.width(place) * scale;
    if (left + wide <= x + 1e-6) {
      // A place of no width, or left of what is shown: go to the first one that reaches the next pixel.
      place += 1;
      continue;
    }
    if (wide >= NARROW) {
      run.end();
      const from = Math.max(0, left);
      paintPlace(sheet, place, from, Math.min(view.width, left + wide) - from, wide);
      x = left + wide;
      place += 1;
    } else if (left >= Math.floor(x) + 1) {
      run.end();
      x = Math.floor(left);
    } else {
      x = Math.floor(x);
      const next = Math.max(place + 1, tree.from(level, view.from + (x + 1) / scale - 1e-9));
      run.column(x, place, next);
      x += 1;
      place = next;
    }
  }
  run.end();
}

function paintPlace(sheet, place, x, shown, wide) {
  const { view, under, top, height } = sheet;
  const gap = wide > 12 ? GAP : wide > 5 ? 1 : 0.5;
  const width = Math.max(1, shown - gap);
  const colour = view.colour?.of(place);
  under.box(colour ?? (view.known === false ? colours().badge : colours().live), x, top, width, height);
  if (view.known === false) return;
  if (view.colour) paintUnheard(sheet, place, x, width);
  else paintShares(sheet, place, x, width);
}

/** Fill from below by the share that is not live; as a block of the same area where that would be too low to see. */
function paintShares({ tree, over, top, height }, place, x, width) {
  const bad = SHOWN.map((state) => tree.of(place, state));
  const all = bad.reduce((sum, number) => sum + number, 0);
  if (!all) return;
  const share = all / tree.nodes[place];
  let [high, wide] = [share * height, width];
  if (high < LOWEST) {
    high = LOWEST;
    wide = Math.min(width, Math.max(width < 12 ? 3 : LOWEST, (share * height * width) / LOWEST));
  }
  let at = x;
  SHOWN.forEach((state, index) => {
    if (!bad[index]) return;
    const part = (wide * bad[index]) / all;
    over.box(fillOf(state), at, top + height - high, Math.max(part, Math.min(1, wide)), high);
    at += part;
  });
}

/** With a metric's colours: the share without a value in grey, and a mark where the worst is far above the mean. */
function paintUnheard({ tree, view, over, top, height }, place, x, width) {
  const bad = SHOWN.reduce((sum, state) => sum + tree.of(place, state), 0);
  if (bad) {
    const high = Math.max(2, (bad / tree.nodes[place]) * height);
    for (let y = top + height - high; y < top + height; y += 3) over.box(colours().ink3, x, y, width, 1);
  }
  const mark = view.colour.mark?.(place);
  if (mark && width >= 6) over.box(mark, x, top + height - 5, 6, 5);
}

/** Pixel columns of places that are narrower than a pixel or two: equal neighbours are one rectangle. */
class Run {
  constructor(sheet) {
    this.sheet = sheet;
    this.from = 0;
    this.to = 0;
    this.name = "";
    this.heights = [];
    this.colour = null;
  }

  column(x, first, next) {
    const { tree, view, height } = this.sheet;
    const all = tree.all[next] - tree.all[first];
    const heights = [];
    if (!view.colour && view.known !== false) {
      for (let state = 0; state < SHOWN.length; state += 1) {
        const number = tree.sums[state][next] - tree.sums[state][first];
        heights.push(number ? Math.max(state === 0 ? 3 : 2, Math.round((number / all) * height)) : 0);
      }
    }
    const colour = view.colour ? view.colour.range(first, next) : null;
    const name = colour ?? heights.join();
    if (name === this.name && this.to === x) {
      this.to = x + 1;
      return;
    }
    this.end();
    Object.assign(this, { from: x, to: x + 1, name, heights, colour });
  }

  end() {
    const { view, under, over, top, height } = this.sheet;
    const wide = this.to - this.from;
    if (wide > 0) {
      under.box(this.colour ?? (view.known === false ? colours().badge : colours().live), this.from, top, wide, height);
      let bottom = top + height;
      this.heights.forEach((high, state) => {
        if (!high) return;
        over.box(fillOf(SHOWN[state]), this.from, Math.max(top, bottom - high), wide, Math.min(high, bottom - top));
        bottom -= high;
      });
    }
    this.from = this.to = 0;
    this.name = "";
  }
}
