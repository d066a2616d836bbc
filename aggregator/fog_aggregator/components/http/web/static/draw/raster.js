// Rectangles that become pixels in memory and go to the canvas at once: tens of thousands of them cost less than as many strokes.

/** @type {{image: ImageData, pixels: Uint32Array} | null} */
let lastImage = null;
/** @type {Map<string, number>} */
const pixelOf = new Map();

export class Raster {
  /** @param {CanvasRenderingContext2D} pen @param {boolean} turned the map lies on its side */
  constructor(pen, turned) {
    const { width, height } = pen.canvas;
    this.pen = pen;
    this.turned = turned;
    this.scale = pen.getTransform().a;
    this.wide = width;
    this.high = height;
    if (lastImage?.image.width !== width || lastImage.image.height !== height) {
      const image = pen.createImageData(width, height);
      lastImage = { image, pixels: new Uint32Array(image.data.buffer) };
    }
    this.pixels = lastImage.pixels.fill(0);
  }

  /** Fill a rectangle with a colour, as in #d3dbe3; it is never thinner than a pixel. */
  box(colour, x, y, wide, high) {
    if (this.turned) [x, y, wide, high] = [y, x, high, wide];
    const { scale, pixels } = this;
    const left = Math.max(0, Math.round(x * scale));
    const top = Math.max(0, Math.round(y * scale));
    const right = Math.min(this.wide, Math.max(left + 1, Math.round((x + wide) * scale)));
    const bottom = Math.min(this.high, Math.max(top + 1, Math.round((y + high) * scale)));
    const pixel = pixelOf.get(colour) ?? keepPixel(colour);
    for (let row = top; row < bottom; row += 1) {
      const end = row * this.wide + right;
      for (let at = row * this.wide + left; at < end; at += 1) pixels[at] = pixel;
    }
  }

  show() {
    this.pen.putImageData(lastImage.image, 0, 0);
  }
}

/** A colour as the bytes red, green, blue and opaque, in the order of this machine: which is the little end first, as on all that run browsers. */
function keepPixel(colour) {
  const number = parseInt(colour.slice(1), 16);
  const pixel = (0xff000000 | ((number & 0xff) << 16) | (number & 0xff00) | (number >> 16)) >>> 0;
  pixelOf.set(colour, pixel);
  return pixel;
}
