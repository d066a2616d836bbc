// The page's colours as a canvas needs them, read anew when the scheme changes.

const NAMES = [
  "bg", "surface", "line", "line2", "ink", "ink2", "ink3", "link", "live", "critical", "stale", "stale-thin", "missing",
  "quarantined", "badge", "ramp0", "ramp1", "ramp2", "ramp3", "ramp4", "below", "neutral", "above",
];

/** @type {Record<string, string>} */
let found = {};
const heard = new Set();

function readColours() {
  const style = getComputedStyle(document.documentElement);
  found = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  for (const draw of heard) draw();
});

/** The colours by name. */
export function colours() {
  if (!found.bg) readColours();
  return found;
}

/** Call this when the colours change; returns what stops it. */
export function onColours(draw) {
  heard.add(draw);
  return () => heard.delete(draw);
}

/** The colour of a state where an area is filled with it. */
export const fillOf = (state) => colours()[{ departed: "critical", stale: "stale-thin", missing: "missing", unread: "ink", quarantined: "quarantined" }[state] ?? "live"];

/** What can be read on a colour, as in #d3dbe3. */
export function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) ** 2.2);
  return 0.21 * red + 0.72 * green + 0.07 * blue > 0.2 * 255 ** 2.2 ? "#15202b" : "#ffffff";
}

/** Prepare a canvas for sharp drawing. @returns {{pen: CanvasRenderingContext2D, width: number, height: number}} */
export function sheet(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function channels(colour) {
  const text = colour.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(text.slice(at, at + 2), 16));
}

const mixed = new Map();

/** A colour between two of them. */
export function between(one, other, share) {
  const step = Math.round(Math.min(1, Math.max(0, share)) * 64);
  const name = `${one}${other}${step}`;
  let colour = mixed.get(name);
  if (colour === undefined) {
    const [from, to] = [channels(one), channels(other)];
    colour = `#${from.map((value, place) => Math.round(value + ((to[place] - value) * step) / 64).toString(16).padStart(2, "0")).join("")}`;
    mixed.set(name, colour);
  }
  return colour;
}

/** The colour of a share of the largest value. */
export function ramp(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * 4;
  const step = Math.floor(at);
  return between(colours()[`ramp${step}`], colours()[`ramp${step + 1}`], at - step);
}

/** The colour of a ratio to the siblings' median: blue below, neutral at 1, orange above; ÷32 to ×32. */
export function diverging(ratio) {
  if (!(ratio > 0)) return colours().below;
  const at = Math.max(-1, Math.min(1, Math.log2(ratio) / 5));
  return between(colours().neutral, at < 0 ? colours().below : colours().above, Math.abs(at));
}
