// One chart: a line, with a band behind it, or a heat strip of a histogram.
import { axes, FRAME, mark, rail, round, scales } from "./axes.js";
import { between, colours, ramp, sheet } from "./colours.js";
import { pieces } from "./spark.js";

/**
 * @typedef {{times: number[], line: ArrayLike<number>, band?: [ArrayLike<number>, ArrayLike<number>] | null, bandColour?: string,
 *   heat?: {bounds: number[], rows: any[]} | null, shares?: ArrayLike<number> | null, events?: {time: number, name: string}[],
 *   unit: string, span: {from: number, to: number}, bad?: boolean}} ChartData
 * @param {HTMLCanvasElement} canvas
 * @param {ChartData} data
 */
export function chart(canvas, data) {
  const { pen, ...size } = sheet(canvas);
  const { low, high } = bounds(data);
  axes(pen, size, data.span, { low, high, unit: data.unit });
  const { x, y } = scales(size, data.span, low, high);
  if (data.heat) drawHeat(pen, size, data, high);
  if (data.band) drawBand(pen, data, x, y);
  drawLine(pen, data, x, y);
  if (data.shares) rail(pen, size, data.span, data.times, data.shares);
  for (const event of data.events ?? []) mark(pen, size, data.span, event.time, event.name);
}

/** @param {ChartData} data */
export function bounds({ line: values, band: around, heat }) {
  const all = [...Array.from(values), ...Array.from(around?.[0] ?? []), ...Array.from(around?.[1] ?? [])].filter(Number.isFinite);
  if (heat) {
    // A bucket counts all that is below its bound: those above the last one that counts more are empty.
    const last = heat.rows.findLastIndex((row, place) => row.some((value, at) => value > (place ? heat.rows[place - 1][at] : 0)));
    all.push(...heat.bounds.slice(0, last + 1).filter(Number.isFinite));
  }
  const low = Math.min(0, ...all);
  return { low: low < 0 ? -round(-low) : 0, high: round(Math.max(...all, 0)) };
}

/** @param {any} pen @param {any} data */
function drawLine(pen, { times, line: values, bad }, x, y) {
  pen.strokeStyle = bad ? colours().critical : colours().link;
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  for (const piece of pieces(values)) {
    pen.beginPath();
    piece.forEach((place, index) => (index ? pen.lineTo(x(times[place]), y(values[place])) : pen.moveTo(x(times[place]), y(values[place]))));
    pen.stroke();
  }
}

/** @param {any} pen @param {any} data */
function drawBand(pen, { times, band: [lower, upper], bandColour }, x, y) {
  pen.fillStyle = colours()[bandColour ?? "live"];
  for (const piece of pieces(lower)) {
    pen.beginPath();
    piece.forEach((place, index) => (index ? pen.lineTo(x(times[place]), y(upper[place])) : pen.moveTo(x(times[place]), y(upper[place]))));
    for (const place of [...piece].reverse()) pen.lineTo(x(times[place]), y(lower[place]));
    pen.fill();
  }
}

/** Shares of observations by bucket, dark where most are. */
/** @param {CanvasRenderingContext2D} pen @param {{width: number, height: number}} size @param {any} data @param {number} high */
function drawHeat(pen, size, { times, heat, span }, high) {
  const { x, y } = scales(size, span, 0, high);
  const step = times.length > 1 ? times[1] - times[0] : 10;
  const paper = colours().surface;
  for (let place = 0; place < times.length; place += 1) {
    const all = heat.rows[heat.rows.length - 1][place];
    if (!(all > 0)) continue;
    const left = Math.max(FRAME.left, x(times[place] - step));
    let below = 0;
    for (let bucket = 0; bucket < heat.bounds.length; bucket += 1) {
      const share = (heat.rows[bucket][place] - (bucket ? heat.rows[bucket - 1][place] : 0)) / all;
      const bound = Math.min(high, heat.bounds[bucket]);
      if (share > 0 && bound > below) {
        pen.fillStyle = between(paper, ramp(0.25 + share * 0.55), Math.min(1, 0.35 + share));
        pen.fillRect(left, y(bound), x(times[place]) - left + 0.5, y(below) - y(bound));
      }
      below = bound;
    }
  }
}
