// A sparkline: the shape of the last hour in a line of text.
import { s } from "../base/dom.js";

const COLOUR = { critical: ["var(--critical)", "var(--critical-fill)"], warning: ["var(--stale-thin)", "var(--stale-fill)"], plain: ["var(--ink2)", "var(--grey-fill)"] };

/**
 * Draw values from zero up; gaps stay gaps.
 * @param {ArrayLike<number>} values
 * @param {{width?: number, height?: number, kind?: "critical" | "warning" | "plain"}} [options]
 */
export function spark(values, { width = 102, height = 20, kind = "plain" } = {}) {
  const [line, area] = COLOUR[kind];
  const numbers = Array.from(values).filter(Number.isFinite);
  const top = Math.max(...numbers, 0);
  const low = Math.min(...numbers, 0);
  const x = (place) => 1 + (place * (width - 5)) / Math.max(1, values.length - 1);
  const y = (value) => height - 2 - ((value - low) / (top - low || 1)) * (height - 5);
  const parts = pieces(values);
  const lines = parts.map((piece) => piece.map((place, index) => `${index ? "L" : "M"}${x(place).toFixed(1)} ${y(values[place]).toFixed(1)}`).join(""));
  const areas = parts.map((piece, index) => `${lines[index]}L${x(piece[piece.length - 1]).toFixed(1)} ${height - 1}L${x(piece[0]).toFixed(1)} ${height - 1}Z`);
  const end = parts.length ? parts[parts.length - 1].slice(-1)[0] : -1;
  return s(
    "svg",
    { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    s("path", { d: areas.join(""), fill: area }),
    s("path", { d: lines.join(""), fill: "none", stroke: line, "stroke-width": 1.3 }),
    end >= 0 && s("circle", { cx: x(end), cy: y(values[end]), r: 2, fill: line }),
  );
}

/** The places of values without a gap between them. */
export function pieces(values) {
  const found = [];
  let piece = [];
  for (let place = 0; place <= values.length; place += 1) {
    if (place < values.length && Number.isFinite(values[place])) piece.push(place);
    else if (piece.length) {
      found.push(piece);
      piece = [];
    }
  }
  return found;
}
