// Bars over time, stacked by kind.
import { colours, sheet } from "./colours.js";
import { clock } from "../base/numbers.js";

const ORDER = ["note", "ended", "warning", "critical"];
const BARS = 60;

/** @param {HTMLCanvasElement} canvas @param {{time: number, kind: string}[]} events @param {{from: number, to: number}} span */
export function bars(canvas, events, span) {
  const { pen, width, height } = sheet(canvas);
  const columns = Array.from({ length: BARS }, () => ({ note: 0, ended: 0, warning: 0, critical: 0 }));
  for (const { time, kind } of events) {
    const place = Math.floor(((time - span.from) / (span.to - span.from)) * BARS);
    if (place >= 0 && place < BARS) columns[place][kind] += 1;
  }
  const most = Math.max(1, ...columns.map((column) => ORDER.reduce((sum, kind) => sum + column[kind], 0)));
  const colour = { note: colours().line2, ended: colours().line2, warning: colours().stale, critical: colours().critical };
  const bottom = height - 16;
  columns.forEach((column, place) => {
    let y = bottom;
    for (const kind of ORDER) {
      const high = (column[kind] / most) * (bottom - 4);
      if (!high) continue;
      pen.fillStyle = colour[kind];
      pen.fillRect((place * width) / BARS, y - high, width / BARS - 1.5, high);
      y -= high;
    }
  });
  pen.fillStyle = colours().ink3;
  pen.font = "11px sans-serif";
  for (let step = 0; step <= 4; step += 1) {
    pen.textAlign = step === 0 ? "left" : step === 4 ? "right" : "center";
    pen.fillText(clock(span.from + ((span.to - span.from) * step) / 4, 2), (width * step) / 4, height - 3);
  }
}

