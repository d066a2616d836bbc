// What is written on the map: a place's name where all of it fits, its count, and a square where a place with children is a node itself.
import { count } from "../base/numbers.js";
import { colours, fillOf } from "./colours.js";
import { rows } from "./icicle.js";

const ROOM = 12;
const SQUARE = 32; // beside a name in the middle, with its edge
const MOST_LABELS = 400;

/** Write on what was painted. @param {any} view as of `paint` */
export function label(pen, tree, view) {
  const [low, high] = view.levels;
  const scale = view.width / (view.to - view.from);
  pen.textBaseline = "alphabetic";
  rows(high - low, view.height).forEach((row, index) => {
    const level = low + index;
    const first = Math.max(tree.offsets[level], tree.from(level, view.from + 1e-9) - 1);
    let written = 0;
    for (let place = first; place < tree.offsets[level + 1] && written < MOST_LABELS; place += 1) {
      const left = (tree.start[place] - view.from) * scale;
      if (left >= view.width) break;
      const wide = tree.width(place) * scale;
      if (wide < ROOM || left + wide <= 0) continue;
      written += 1;
      write(pen, tree, view, place, { x: Math.max(0, left), wide: Math.min(view.width, left + wide) - Math.max(0, left), ...row }, level === low);
    }
  });
}

function write(pen, tree, view, place, { x, wide, top, height }, isFirst) {
  if (height < 14) return;
  const long = view.turned ? height : wide;
  const name = tree.names[place];
  const number = isFirst ? ` · ${count(tree.nodes[place])} nodes` : count(tree.nodes[place]);
  const baseline = top + Math.min(height - 5, isFirst ? 14 : 17);
  pen.font = `700 12px ${family()}`;
  const size = pen.measureText(name).width;
  if (wide > size + SQUARE && tree.children[place] && tree.hasNode(place)) square(pen, tree, view, place, { x, wide, top });
  const bold = size + 12 <= long && wide > 40;
  if (!bold) pen.font = `11px ${family()}`;
  const width = pen.measureText(name).width;
  if (width + (bold ? 12 : 3) > long || (view.turned && wide < 13)) return;
  const filled = !view.colour && view.known !== false && tree.nodes[place] > tree.of(place, "live");
  pen.fillStyle = view.colour ? view.colour.ink(place) : colours()[view.known === false ? "ink2" : "ink"];
  if (view.turned) {
    text(pen, name, top + 5, x + 14, filled);
    return;
  }
  const at = bold ? x + 7 : x + Math.max(2, (wide - width) / 2);
  text(pen, name, at, baseline, filled);
  if (!bold) return;
  pen.font = `12px ${family()}`;
  const more = pen.measureText(number).width;
  const gap = isFirst ? 0 : 6;
  if (tree.nodes[place] > 1 && width + gap + more + 26 <= wide) text(pen, number, at + width + gap, baseline, filled);
  const bad = tree.nodes[place] - tree.of(place, "live");
  const above = height * (1 - bad / tree.nodes[place]); // what the fill leaves free
  if (!isFirst && bad && !view.colour && view.known !== false && above > 38 && pen.measureText(`${count(bad)} not live`).width + 12 <= wide) {
    text(pen, `${count(bad)} not live`, at, baseline + 16, filled);
  }
}

/** Write a text; over a place that is filled in part, with an edge of what is live, on which it can be read. */
function text(pen, words, x, y, edged) {
  if (edged) {
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = colours().live;
    pen.strokeText(words, x, y);
  }
  pen.fillText(words, x, y);
}

function square(pen, tree, view, place, { x, wide, top }) {
  const state = tree.stateOf(place);
  pen.fillStyle = state === "live" || state === "ended" ? colours().ink3 : fillOf(state);
  if (view.turned) pen.fillRect(top + 5, x + wide - 11, 7, 7);
  else pen.fillRect(x + wide - 13, top + 6, 7, 7);
}

let font = "";
function family() {
  font ||= getComputedStyle(document.documentElement).getPropertyValue("--sans");
  return font;
}

