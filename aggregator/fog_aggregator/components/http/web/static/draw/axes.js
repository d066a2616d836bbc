// The axes of a chart: time below, values at the left, coverage as a rail under the line.
import { clock, figure } from "../base/numbers.js";
import { colours } from "./colours.js";

export const FRAME = { left: 40, right: 4, top: 8, bottom: 24 };
const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const FONT = "11px sans-serif";

/** A round number at or above. */
export function round(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * (1 - 1e-9)) * power;
}

/** Where a time and a value stand. */
export function scales({ width, height }, { from, to }, low, high) {
  const inner = { wide: width - FRAME.left - FRAME.right, high: height - FRAME.top - FRAME.bottom };
  return {
    x: (time) => FRAME.left + ((time - from) / (to - from)) * inner.wide,
    y: (value) => FRAME.top + (1 - (value - low) / (high - low || 1)) * inner.high,
    bottom: FRAME.top + inner.high,
  };
}

/** The time at a place from the left of a chart. */
export const timeOf = (width, { from, to }, x) => from + Math.max(0, Math.min(1, (x - FRAME.left) / (width - FRAME.left - FRAME.right))) * (to - from);

/** Draw both axes. */
export function axes(pen, size, span, { low, high, unit }) {
  const { x, y, bottom } = scales(size, span, low, high);
  pen.font = FONT;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of [low, (low + high) / 2, high]) {
    pen.fillStyle = colours().line;
    pen.fillRect(FRAME.left, Math.round(y(value)), size.width - FRAME.left - FRAME.right, 1);
    pen.fillStyle = colours().ink3;
    pen.fillText(figure(value, unit).join(" ").replace(/ ?(\/s|ratio)$/, "").trim(), FRAME.left - 6, y(value));
  }
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  const step = STEPS.find((seconds) => (span.to - span.from) / seconds <= size.width / 78) ?? 86400;
  const offset = new Date(span.from * 1000).getTimezoneOffset() * 60;
  for (let time = Math.ceil((span.from - offset) / step) * step + offset; time < span.to; time += step) {
    if (x(time) > FRAME.left + 12 && x(time) < size.width - 16) pen.fillText(clock(time, 2), x(time), bottom + 20);
  }
}

/** The rail: grey where all nodes were live, amber below, red below 90 %. */
export function rail(pen, size, span, times, shares) {
  const { x, bottom } = scales(size, span, 0, 1);
  const step = times.length > 1 ? times[1] - times[0] : 10;
  for (let place = 0; place < times.length; place += 1) {
    const share = shares[place];
    if (!Number.isFinite(share)) continue;
    pen.fillStyle = share >= 1 ? colours().line2 : share >= 0.9 ? colours()["stale-thin"] : colours().critical;
    const left = Math.max(FRAME.left, x(times[place] - step));
    pen.fillRect(left, bottom + 4, Math.min(size.width - FRAME.right, x(times[place])) - left + 0.5, 3);
  }
}

/** A dashed line for an event. */
export function mark(pen, size, span, time, name) {
  if (time < span.from || time > span.to) return;
  const { x, bottom } = scales(size, span, 0, 1);
  const at = Math.round(x(time)) + 0.5;
  pen.strokeStyle = colours().ink2;
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  pen.beginPath();
  pen.moveTo(at, FRAME.top);
  pen.lineTo(at, bottom);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = colours().ink2;
  pen.font = FONT;
  const wide = pen.measureText(name).width;
  pen.textAlign = at + wide + 8 > size.width ? "right" : "left";
  pen.fillText(name, at + (pen.textAlign === "left" ? 6 : -6), FRAME.top + 4);
}
