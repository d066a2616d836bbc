// The life of a node in a day: when it was live, and when each of its writers wrote.
import { card, h, s } from "../base/dom.js";
import { clock, count, many } from "../base/numbers.js";
import { BINS, DAY_WIDE, drawing, hours, timeAt } from "./day.js";

/** @param {any} node of api/explain @param {string} lack why nothing is found */
export function lifeCard(found, node, now, lack = "") {
  if (!node) return null;
  const row = (name, label, rects) => [h("span.label", name), drawing(12, label, s("rect", { width: DAY_WIDE, height: 12, fill: "var(--raised)" }), rects)];
  const spans = (found?.times ?? []).map((time, place) => ({ time, value: found.values[place] })).filter(({ value }) => Number.isFinite(value));
  const bad = spans.filter(({ value }) => value > 0).length;
  return card(
    "Life of this node",
    { note: "last 24 h" },
    h(
      "div.life",
      !lack && row("state", `not live at ${bad} of ${spans.length} moments`, spans.map(({ time, value }) => s("rect", { x: timeAt(time, now) - DAY_WIDE / BINS, width: DAY_WIDE / BINS + 0.3, height: 12, fill: value > 0 ? "var(--stale-thin)" : "var(--live)" }))),
      node.epochs.slice(0, 6).map(({ epoch, born, heard }) => row(`writer ${epoch.slice(0, 4)}…${epoch.slice(-2)}`, `from ${clock(born)} to ${clock(heard)}`, s("rect", { x: timeAt(born, now), width: Math.max(2, timeAt(heard, now) - timeAt(born, now)), height: 12, fill: "var(--line2)" }))),
      h("span"),
      hours(now),
    ),
    h("p.body.note", lack && `Its states of the day are not known. ${lack} `, `${many(node.folded, "writer")} ended in good order${node.epochs.length > 6 ? `; ${count(node.epochs.length - 6)} more write` : ""}.`),
  );
}
