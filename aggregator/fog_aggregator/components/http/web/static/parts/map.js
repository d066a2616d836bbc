// The map as a card: what it shows, what the pointer is over, keys, pins of problems, marks of search hits.
import { card, h, key, put, say } from "../base/dom.js";
import { count, many } from "../base/numbers.js";
import { colours, onColours, sheet } from "../draw/colours.js";
import { paint, rows } from "../draw/icicle.js";
import { label } from "../draw/labels.js";
import { NOT_LIVE } from "../data/tree.js";
import { shownOf } from "./coverage.js";
import { isModified } from "./keys.js";

const MOST_LEVELS = 6;
const PHONE = 700;

/**
 * @typedef {{path: string, number: number, severity: string}} Pin
 */
export class MapCard {
  /**
   * @param {{height: number, note?: string, title?: string, open: (path: string) => void, outlined?: string, under?: string, end?: any, plain?: boolean, bare?: boolean}} options `plain` is no card, `bare` one without pins, readout and legend
   */
  constructor(options) {
    this.options = options;
    this.tree = null;
    this.colour = null;
    this.known = true;
    /** @type {Pin[]} */
    this.pins = [];
    this.hits = [];
    this.focus = -1;
    /** @type {(number: number) => void} */
    this.select = () => {};
    /** The one place of the tree that is focused, for those who do not see the drawing. */
    this.item = h("span", { role: "treeitem", id: "map-item", "aria-selected": "true" }, "no place is chosen");
    this.canvas = h("canvas", { tabindex: "0", role: "tree", "aria-label": "Map of the fleet: arrow keys move, Enter opens", "aria-activedescendant": "map-item" }, this.item);
    this.marks = h("div.pins", { hidden: options.bare || options.plain });
    this.readout = h("p.readout", { "aria-live": "off" });
    this.legend = h("p.legend");
    const inside = [h("div", { class: options.bare ? "map bare" : "map" }, this.canvas, this.marks), options.plain || options.bare ? null : this.readout, options.plain || options.bare ? null : this.legend];
    this.element = options.plain
      ? h("div.map-only", inside)
      : card(options.title ?? "Map", { note: options.note ?? "width = nodes · fill from below = share that is not live", end: options.end ?? [], className: "order-4" }, inside);
    this._listen();
    this.stop = onColours(() => this.draw());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas.parentElement);
  }

  close() {
    this.stop();
    this.observer.disconnect();
  }

  /** Show a tree. @param {import("../data/tree.js").Tree | null} tree */
  show(tree, { colour = null, pins = [], hits = [], known = true } = {}) {
    Object.assign(this, { tree, colour, pins, hits, known });
    if (this.focus >= (tree?.size ?? 0)) this.focus = -1;
    this.draw();
    if (this.legend.isConnected) this._legend();
  }

  get turned() {
    return !this.options.plain && !this.options.bare && window.innerWidth < PHONE;
  }

  _view() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const { tree, turned } = this;
    const top = this.options.under ? Math.max(0, tree.find(this.options.under)) : -1;
    const low = top < 0 ? 0 : tree.depth[top];
    const from = top < 0 ? 0 : tree.start[top];
    const all = top < 0 ? tree.total : tree.width(top);
    const levels = /** @type {[number, number]} */ ([low, Math.min(top < 0 ? tree.levels.length : low + tree.levelsAt(top), low + MOST_LEVELS)]);
    return { width: turned ? height : width, height: turned ? width : height, from, to: from + Math.max(1, all), levels, turned, colour: this.colour, known: this.known };
  }

  draw() {
    const { tree, canvas } = this;
    canvas.style.height = `${this.turned ? 430 : this.options.height}px`;
    if (!tree || !tree.size || !canvas.isConnected) return;
    const began = performance.now();
    const { pen } = sheet(canvas);
    const view = this._view();
    paint(pen, tree, view);
    label(pen, tree, view);
    if (this.options.outlined) this._outline(pen, view, tree.find(this.options.outlined));
    if (this.focus >= 0) this._outline(pen, view, this.focus);
    this._hits(pen, view);
    this.drawn = performance.now() - began;
    this._pins(view);
    this._say();
  }

  _box(view, place) {
    const scale = view.width / (view.to - view.from);
    const row = rows(view.levels[1] - view.levels[0], view.height)[this.tree.depth[place] - view.levels[0]];
    return row && { x: (this.tree.start[place] - view.from) * scale, wide: Math.max(3, this.tree.width(place) * scale), ...row };
  }

  _outline(pen, view, place) {
    const box = place >= 0 ? this._box(view, place) : null;
    if (!box) return;
    // A place is outlined down to the lowest level: all that is under it.
    const last = rows(view.levels[1] - view.levels[0], view.height).slice(-1)[0];
    const high = last.top + last.height - box.top;
    for (const [colour, width] of [[colours().surface, 4.5], [colours().ink, 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      if (view.turned) pen.strokeRect(box.top + 1, box.x + 1, high - 2, box.wide - 2);
      else pen.strokeRect(box.x + 1, box.top + 1, box.wide - 2, high - 2);
    }
  }

  _hits(pen, view) {
    pen.fillStyle = colours().link;
    const scale = view.width / (view.to - view.from);
    for (const place of this.hits.slice(0, 2000)) {
      const x = (this.tree.start[place] + this.tree.width(place) / 2 - view.from) * scale;
      if (view.turned) pen.fillRect(view.height - 6, x - 1.5, 6, 3);
      else pen.fillRect(x - 1.5, view.height - 6, 3, 6);
    }
  }

  _pins(view) {
    if (view.turned || this.options.plain || this.options.bare) {
      put(this.marks);
      return;
    }
    const scale = view.width / (view.to - view.from);
    const placed = this.pins
      .map((pin) => ({ pin, place: this.tree.find(pin.path) }))
      .filter(({ place }) => place >= 0)
      .map(({ pin, place }) => ({ pins: [pin], x: (this.tree.start[place] + this.tree.width(place) / 2 - view.from) * scale }))
      .sort((one, other) => one.x - other.x);
    const joined = [];
    for (const one of placed) {
      const before = joined[joined.length - 1];
      if (before && one.x - before.x < 4 + 18 * before.pins.length) before.pins.push(...one.pins);
      else joined.push(one);
    }
    put(
      this.marks,
      joined.map(({ pins, x }) =>
        h(
          "button",
          { class: `sign pin ${pins[0].severity}`, css: { left: `${Math.min(view.width - 22, Math.max(0, x - 10))}px` }, onclick: () => this.select(pins[0].number), "aria-label": `Problem ${pins.map(({ number }) => number).join(" and ")} at ${pins[0].path}` },
          pins.map(({ number }) => number).sort().join("·"),
        ),
      ),
    );
  }

  _listen() {
    const { canvas } = this;
    canvas.addEventListener("mousemove", (event) => { this.over = this._at(event); this._say(); });
    canvas.addEventListener("mouseleave", () => { this.over = -1; this._say(); });
    canvas.addEventListener("click", (event) => { const place = this._at(event); if (place >= 0) this.options.open(this.tree.path(place)); });
    canvas.addEventListener("blur", () => { this.focus = -1; this.draw(); });
    canvas.addEventListener("keydown", (event) => { if (!isModified(event) && this.press(event.key)) { event.preventDefault(); event.stopPropagation(); } });
  }

  _at(event) {
    if (!this.tree?.size) return -1;
    const view = this._view();
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const [across, down] = view.turned ? [y, x] : [x, y];
    const level = rows(view.levels[1] - view.levels[0], view.height).findIndex(({ top, height }) => down >= top && down <= top + height + 2);
    return level < 0 ? -1 : this.tree.hit(view.levels[0] + level, view.from + (across / view.width) * (view.to - view.from));
  }

  /** Move with the arrow keys. @returns {boolean} whether the key was ours */
  press(name) {
    const { tree } = this;
    if (!tree?.size) return false;
    if (name === "Enter" && this.focus >= 0) {
      this.options.open(tree.path(this.focus));
      return true;
    }
    const next = this._next(name);
    if (next === null) return false;
    if (next >= 0) this.focus = next;
    this.draw();
    this.item.textContent = this.told(this.focus);
    say(this.item.textContent);
    return true;
  }

  _next(name) {
    const { tree, focus } = this;
    if (!name.startsWith("Arrow")) return null;
    if (focus < 0) return Math.max(0, tree.find(this.options.outlined ?? this.options.under ?? ""));
    const level = [tree.offsets[tree.depth[focus]], tree.offsets[tree.depth[focus] + 1]];
    if (name === "ArrowUp") return tree.parent[focus];
    if (name === "ArrowDown") return worst(tree, focus);
    const next = focus + (name === "ArrowLeft" ? -1 : 1);
    return next >= level[0] && next < level[1] ? next : focus;
  }

  /** A place in words. */
  told(place) {
    if (place < 0 || !this.tree) return "";
    return `${this.tree.path(place)}: ${this.nodes(place)}`;
  }

  /** The nodes of a place, by their states. */
  nodes(place) {
    const { tree } = this;
    const states = ["live", ...NOT_LIVE].filter((state) => tree.of(place, state)).map((state) => `${count(tree.of(place, state))} ${state}`);
    return [many(tree.nodes[place], "node"), ...states].join(", ");
  }

  _say() {
    const place = this.over >= 0 ? this.over : this.focus;
    const { tree } = this;
    if (!tree || place === undefined || place < 0) {
      put(this.readout, h("span.quiet", "Point at a place", h("span.wide", ", or move with the arrow keys"), "."));
      return;
    }
    const value = this.colour?.told?.(place);
    put(this.readout, h("b.mono", tree.path(place)), h("span", this.nodes(place)), value && h("span", value), h("span.quiet.end", "Enter opens"));
  }

  _legend() {
    const { tree, colour } = this;
    const scale = !this.known ? h("span", "places that are known; their states are not known yet") : colour ? [h("span", colour.ends[0]), h("i", { class: `scale ${colour.kind}` }), h("span", colour.ends[1]), h("span", "lines: no value"), colour.note && h("span", colour.note)] : [
      shownOf(tree && { unread: tree.between(0, tree.size, NOT_LIVE.indexOf("unread")) }).map((state) => h("span", h("i", { class: `swatch ${state}` }), ` ${state}`)),
      h("span", h("i.swatch.self"), " the place is a node itself"),
    ];
    put(this.legend, scale, h("span.end", tree ? many(tree.total, "node") : "", tree?.levels.length > MOST_LEVELS && ` · ${MOST_LEVELS} of ${tree.levels.length} levels`, h("span.wide", " · ", key("↑"), key("↓"), key("←"), key("→"), " move ", key("Enter"), " open ", key("Backspace"), " up")));
  }
}

/** The child with the largest share that is not live; the first one where all are well. */
export function worst(tree, place) {
  const children = tree.childrenOf(place);
  if (!children.length) return place;
  const bad = (child) => (tree.nodes[child] ? 1 - tree.of(child, "live") / tree.nodes[child] : 0);
  return children.reduce((found, child) => (bad(child) > bad(found) ? child : found), children[0]);
}

