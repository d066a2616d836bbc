// When an alert fired, as a strip; and how many began in each ten minutes.
import { h, s } from "../base/dom.js";
import { clock, count } from "../base/numbers.js";

const WIDE = 166;

/** The last hours of one alert. @param {any} one @param {number} now seconds @param {number} seconds @param {string} [colour] */
export function strip(one, now, seconds, colour = "critical") {
  const spans = one.spans ?? [{ from: one.start, to: one.end ?? now }];
  const x = (time) => Math.max(0, Math.min(WIDE, ((time - now + seconds) / seconds) * WIDE));
  return s(
    "svg",
    { width: WIDE, height: 8, viewBox: `0 0 ${WIDE} 8`, role: "img", "aria-label": `fired ${spans.map(({ from }) => clock(from, 2)).join(", ")}` },
    s("rect", { width: WIDE, height: 8, fill: "var(--badge)" }),
    spans.map(({ from, to }) => s("rect", { x: x(from), width: Math.max(2, x(to ?? now) - x(from)), height: 8, fill: `var(--${colour})` })),
  );
}

/**
 * Bars of new alerts in ten minutes each; a flood is marked, and says as how many lines it is shown.
 * @param {number[]} counts the oldest first @param {(from: number, to: number) => number} lines that begin in a span
 */
export function floods(counts, flood, now, lines) {
  if (!counts.length) return null;
  const [width, height] = [420, 62];
  const most = Math.max(flood * 1.3, ...counts);
  const wide = width / counts.length;
  const y = (number) => height - (number / most) * (height - 14);
  const largest = counts.indexOf(Math.max(...counts));
  const begin = (Math.floor(now / 600) - counts.length + 1 + largest) * 600;
  const told = counts[largest] > flood ? h("b.bad", `${count(counts[largest])} at ${clock(begin, 2)}, shown as ${count(lines(begin, begin + 600))}`) : null;
  return h(
    "div",
    h("p.progress-line.label", h("span", "New alerts in 10 min, last 6 h"), told, h("span", `flood above ${flood}`)),
    s(
      "svg",
      { width: "100%", height, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `at most ${count(counts[largest])} new alerts in ten minutes, at ${clock(begin, 2)}` },
      counts.map((number, place) => s("rect", { x: place * wide, y: number ? y(number) : height - 1, width: wide - 2, height: number ? height - y(number) : 1, fill: number > flood ? "var(--critical)" : "var(--line2)" })),
      s("line", { x1: 0, x2: width, y1: y(flood), y2: y(flood), stroke: "var(--ink2)", "stroke-dasharray": "3 3" }),
    ),
  );
}
