// A day: how many nodes of a place were not live.
import { h, s } from "../base/dom.js";
import { clock, many } from "../base/numbers.js";
import { range } from "../data/api.js";
import { atPlace } from "../data/queries.js";

const DAY = 86400;
export const DAY_WIDE = 360;
export const BINS = 96;

/** How many nodes were not live in the last 24 h, as far back as there is history. @returns {Promise<{times: number[], values: ArrayLike<number>} | null>} */
export async function day(path, now, signal = null) {
  const where = [atPlace(path), 'state!~"live|ended"'].filter(Boolean).join(",");
  const found = await range(`sum(fog_aggregator_nodes{${where}})`, { from: now - DAY, to: now }, { most: BINS, signal }).catch(() => null);
  return found?.rows.length ? { times: found.times, values: found.rows[0].values } : null;
}

export const hours = (now) => h("p.label.progress-line", [24, 18, 12, 6].map((ago) => h("span", clock(now - ago * 3600, 2))), h("span", "now"));
export const timeAt = (time, now) => Math.max(0, Math.min(DAY_WIDE, (1 - (now - time) / DAY) * DAY_WIDE));
export const drawing = (height, label, ...inside) => s("svg", { width: "100%", height, viewBox: `0 0 ${DAY_WIDE} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, inside);

/** Bars of what was not live. */
export function dayStrip(found, now) {
  if (!found) return null;
  const known = Array.from(found.values).map((value) => value || 0);
  const most = Math.max(...known);
  const at = found.times[known.indexOf(most)];
  const told = most ? `at most ${many(most, "node")}, at ${clock(at, 2)}` : "none";
  return h("div.body", h("p.progress-line.label", h("span", "Not live in the last 24 h"), h("span", told)), drawing(36, `not live in the last 24 h: ${told}`, s("rect", { y: 35, width: DAY_WIDE, height: 1, fill: "var(--line)" }), known.map((value, place) => value > 0 && s("rect", { x: timeAt(found.times[place], now) - DAY_WIDE / BINS, y: 34 - (value / most) * 32, width: DAY_WIDE / BINS, height: 2 + (value / most) * 32, fill: "var(--stale-thin)" }))), hours(now));
}
