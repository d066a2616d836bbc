// A span of time is chosen by dragging over a drawing of it.

const FEWEST_PIXELS = 8;

/** @param {HTMLElement} canvas @param {(x: number) => number} timeAt @param {(from: number, to: number) => void} choose */
export function dragged(canvas, timeAt, choose) {
  let from = NaN;
  canvas.style.cursor = "col-resize";
  canvas.addEventListener("pointerdown", (event) => { from = event.offsetX; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", (event) => {
    const [low, high] = [Math.min(from, event.offsetX), Math.max(from, event.offsetX)];
    if (high - low >= FEWEST_PIXELS) choose(timeAt(low), timeAt(high));
    from = NaN;
  });
}
