// Rows of a table that are drawn as it is scrolled: a hundred thousand of them cost what is in sight.
import { h, put } from "../base/dom.js";
import { moved } from "./filter.js";

export const ROW = 32;

/** Move the focus from a row's link to the next one's or the one before. @returns {boolean} whether the key was ours */
export function step(body, name, wanted = "a.path") {
  const links = [...body.querySelectorAll(wanted)];
  const next = links[moved(name, links.indexOf(document.activeElement), links.length)];
  next?.focus();
  return Boolean(next);
}

/** The table in a box that scrolls, and what draws rows into it. */
export class Rows {
  /**
   * @param {HTMLElement} head @param {string} label
   * @param {(line: any, place: number) => HTMLElement} row
   */
  constructor(head, label, row) {
    this.row = row;
    this.lines = [];
    this.body = h("tbody");
    this.element = h("div.scroll", { tabindex: "0", "aria-label": label, onscroll: () => this.draw() }, h("table", h("thead", head), this.body));
  }

  /** Show lines, or those from before anew. */
  draw(lines = this.lines) {
    this.lines = lines;
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - 10);
    const last = Math.min(lines.length, first + Math.ceil((this.element.clientHeight || 700) / ROW) + 20);
    const space = (rows) => (rows > 0 ? h("tr", { css: { height: `${rows * ROW}px` }, "aria-hidden": "true" }, h("td", { colspan: 8 })) : null);
    put(this.body, space(first), lines.slice(first, last).map((line, place) => this.row(line, first + place)), space(lines.length - last));
  }

  /** Bring a row into sight. */
  reveal(place) {
    const { element } = this;
    const top = place * ROW;
    if (top < element.scrollTop || top > element.scrollTop + element.clientHeight - 3 * ROW) element.scrollTop = top - element.clientHeight / 2;
    this.draw();
  }

  /** Whether the end is near: more is to be asked for. */
  get nearEnd() {
    return this.element.scrollTop + this.element.clientHeight > this.element.scrollHeight - 20 * ROW;
  }
}
