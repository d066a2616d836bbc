// Events of a place over time: bars by name, chips, folded runs with labels and metadata.
import { breakable, card, h, key, put, table } from "../base/dom.js";
import { clock, count, full } from "../base/numbers.js";
import { after, common, oneOf, shortened } from "../base/paths.js";
import { spanOf, toPlace } from "../base/route.js";
import { ask } from "../data/api.js";
import { bars } from "../draw/bars.js";
import { dragged } from "../draw/drag.js";
import { folded, kindOf, newestFirst, pairs, plain, sign } from "../parts/events.js";
import { failed } from "../parts/failed.js";
import { step } from "../parts/rows.js";
import { shell } from "../parts/silence.js";
import { here } from "../parts/verdict.js";

const EVENTS_AT_ONCE = 500;
const EVENTS_BY = ["time", "name", "place"];

export class Events {
  constructor(page) {
    this.page = page;
    this.paused = this.unfolded = false;
    this.abort = new AbortController();
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas.bars", { role: "img", "aria-label": "Events over time, by name" }));
    this.head = h("div.about");
    this.chips = h("div.chips");
    this.body = h("tbody");
    this.rest = h("p.body.note");
    this.order = h("span.label");
    this.pause = h("button.button", { "aria-pressed": "false", onclick: () => this._pause() }, "Pause ", key("Space"));
    this.element = h(
      "div.stack",
      h("section.card", { "aria-label": "Events over time" }, this.head, h("div.body", this.canvas), this.chips),
      card("Events", { note: ["runs of the same name and place are folded", h("span.wide", " ", key("e"))], end: [this.order, h("span.label.wide", "sort ", key("o")), this.pause, h("button.button.wide", { onclick: (event) => page.copy(["fog events", page.route.path && shell(page.route.path), "--follow"].filter(Boolean).join(" "), event.currentTarget) }, "Copy as ", h("code", "fog events --follow"))] }, table(["time", "event", "place", "-#value", "-labels", "-metadata"], this.body), this.rest),
    );
    this.onEvent = () => this.load();
    for (const kind of ["event", "gap"]) page.live.addEventListener(kind, this.onEvent); // where it polls, each time
    dragged(this.canvas, (place) => this.window.from + (place / this.canvas.clientWidth) * (this.window.to - this.window.from), (from, to) => page.choose(from, to), () => this._bars());
    this.observer = new ResizeObserver(() => this._bars());
    this.observer.observe(this.canvas);
    this.load();
  }

  close() {
    this.abort.abort();
    this.observer.disconnect();
    for (const kind of ["event", "gap"]) this.page.live.removeEventListener(kind, this.onEvent);
  }

  get sort() {
    return oneOf(EVENTS_BY, this.page.route.query.sort);
  }

  async load() {
    if (this.paused || !this.page.status?.ready) return;
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    const { route } = this.page;
    try {
      const window = spanOf(route, this.page.now());
      this.answer = await ask("api/events", { path: route.path, since: window.from, until: window.live ? "" : window.to + 60, limit: EVENTS_AT_ONCE }, { signal: this.abort.signal });
      this.window = window;
      this.error = "";
    } catch (error) {
      this.error = error.name === "AbortError" ? "" : error.message;
    }
    this.loading = false;
    this.update();
    if (this.again) {
      this.again = false;
      setTimeout(() => this.load(), 1000);
    }
  }

  update() {
    const { page, answer } = this;
    const { route } = page;
    put(this.head, here(page, "events"), failed(this.error, this.window?.to) ?? h("p.label", answer ? [`${count(answer.events.length)}${answer.next ? " or more" : ""} in the span`, answer.kept !== null && ` · ${count(answer.kept)} kept · ${count(answer.lost)} lost · ${count(answer.repeated)} heard twice, listed once`] : "asking …"));
    if (!answer) return;
    const events = newestFirst(answer.events).filter(({ timestamp }) => timestamp <= this.window.to + 60);
    const { name: chosen } = route.query;
    const names = tally(events, chosen);
    put(this.chips, h("button.chip", { "aria-pressed": String(!chosen), onclick: () => page.go(page.with({ name: "" })) }, "all names"), names.slice(0, 12).map(([name, number]) => h("button.chip", { "aria-pressed": String(chosen === name), "data-key": `name-${name}`, onclick: () => page.go(page.with({ name: chosen === name ? "" : name })) }, h("i", { class: `swatch kind-${kindOf(name)}` }), ` ${name} `, h("b", count(number)))), h("span.label.end.wide", "drag over the bars to choose a span"));
    const shown = events.filter(({ name }) => !chosen || name === chosen);
    const order = { time: () => 0, name: (one, other) => compare(one.event.name, other.event.name), place: (one, other) => compare(common(one.paths), common(other.paths)) }[this.sort];
    put(this.body, (this.unfolded ? shown.map((event) => ({ event, like: 0, paths: [event.path] })) : folded(shown)).sort(order).slice(0, 200).map(({ event, like, paths }) => this._row(event, like, paths)));
    put(this.order, this.sort === "time" ? "newest first" : `by ${this.sort}`);
    put(this.rest, answer.next ? "Older ones are at /api/events, page by page." : events.length ? "Older ones are no longer kept, or before the span." : "No event in this span.");
    this.events = shown;
    this._bars();
  }

  _row(event, like, paths) {
    const place = common(paths);
    const [has, isObject] = [event.value !== null && event.value !== undefined, typeof event.value === "object"];
    return h(
      "tr",
      h("td.mono", { title: full(event.timestamp) }, clock(event.timestamp, 4)),
      h("td", h("span.named", sign(kindOf(event.name)), h("b", breakable(event.name)), like ? h("button.badge", { onclick: () => this._unfold() }, `${count(like)} like it ▸`) : null)),
      h("td", h("a.path", { href: toPlace(this.page.route, place), title: place || null, "data-key": `${event.timestamp} ${event.path} ${event.name}` }, shortened(place) || "the fleet")),
      h("td.number.wide", has && !isObject ? plain(event.value) : ""),
      h("td.mono.quiet.wide.long", pairs(event.labels)),
      h("td.note.wide.long", has && isObject ? plain(event.value) : "", " ", pairs(event.metadata)),
    );
  }

  _bars() {
    if (this.events && this.canvas.isConnected) bars(/** @type {HTMLCanvasElement} */ (this.canvas), this.events.map(({ timestamp, name }) => ({ time: timestamp, kind: kindOf(name) })), this.window);
  }

  _pause() {
    this.paused = !this.paused;
    this.pause.setAttribute("aria-pressed", String(this.paused));
    this.pause.firstChild.textContent = this.paused ? "Go on " : "Pause ";
    if (!this.paused) this.load();
  }

  _unfold() {
    this.unfolded = !this.unfolded;
    this.update();
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if (name === " ") this._pause();
    else if (name === "e") this._unfold();
    else if (name === "o") {
      this.page.note({ sort: after(EVENTS_BY, this.sort) });
      this.update();
    }
    else if (name === "f") this.chips.querySelector("button")?.focus();
    else return step(this.body, name);
    return true;
  }
}

const compare = (one, other) => (one < other ? -1 : Number(one > other));

/** How often each name is there, the most often first; one that is chosen is always among them. */
function tally(events, chosen) {
  const found = new Map(chosen ? [[chosen, 0]] : []);
  for (const { name } of events) found.set(name, (found.get(name) ?? 0) + 1);
  return [...found].sort((one, other) => Number(other[0] === chosen) - Number(one[0] === chosen) || other[1] - one[1]);
}
