// A span of time is chosen by dragging over a drawing of it; what is chosen is marked until the pointer is let go.
import { colours } from "./colours.js";

const FEWEST_PIXELS = 8;

/**
 * @param {HTMLCanvasElement} canvas @param {(x: number) => number} timeAt @param {(from: number, to: number) => void} choose
 * @param {() => void} draw draws the canvas anew, without a mark
 */
export function dragged(canvas, timeAt, choose, draw) {
  let from = NaN;
  canvas.style.cursor = "col-resize";
  const end = () => { from = NaN; draw(); };
  canvas.addEventListener("pointerdown", (event) => { from = event.offsetX; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", ({ offsetX }) => {
    if (Number.isNaN(from)) return;
    draw();
    const pen = canvas.getContext("2d");
    pen.globalAlpha = 0.2;
    pen.fillStyle = colours().link;
    pen.fillRect(from, 0, offsetX - from, canvas.height);
    pen.globalAlpha = 1;
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerup", (event) => {
    const [low, high] = [Math.min(from, event.offsetX), Math.max(from, event.offsetX)];
    if (high - low >= FEWEST_PIXELS) choose(timeAt(low), timeAt(high));
    end();
  });
}
