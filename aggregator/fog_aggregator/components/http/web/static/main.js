// The page: an address becomes a view; what is heard is shown; keys do what the sheet of keys says.
import { copy, h, mount, put, say } from "./base/dom.js";
import { clock, span } from "./base/numbers.js";
import { brief, lastOf, parentOf } from "./base/paths.js";
import { format, parse, spanOf, toPlace } from "./base/route.js";
import { Fleet } from "./data/fleet.js";
import { Live } from "./data/live.js";
import { Figures } from "./data/figures.js";
import { NOT_LIVE } from "./data/tree.js";
import { footer, pill, spans, tabs } from "./parts/frame.js";
import { listen } from "./parts/keys.js";
import { Search } from "./parts/search.js";
import { Overview } from "./views/overview.js";

const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** What every view is given. */
class Page {
  constructor() {
    this.live = new Live();
    this.fleet = new Fleet(this.live);
    this.figures = new Figures();
    this.route = parse(location.hash);
    this.hits = [];
    this.changed = [];
    this.offset = 0;
    this.view = null;
    this.search = new Search(byId("find"), { fleet: this.fleet, route: () => this.route, go: (address) => this.go(address), mark: (places) => { this.hits = places; this.view?.update(); } });
    this.knowsTree = false;
    this.kind = "";
    /** @type {any} what `later.js` has, once one of it was opened */
    this.later = null;
    /** @type {HTMLDialogElement | null} */
    this.sheet = null;
    this.act = {
      open: ({ path, metric }) => this.go(toPlace(this.route, path, "overview", this.fleet.family(metric) ? { m: metric } : {})),
      silence: (about) => this._afterwards((later) => later.silenceDialog(this, about)),
      colour: () => this.search.open(),
    };
  }

  get status() {
    return this.live.status;
  }

  /** Seconds since 1970 by the aggregator's clock: a browser's may be off. */
  now() {
    return Date.now() / 1000 + this.offset;
  }

  go(address) {
    if (location.hash === address) this._mount();
    else location.hash = address;
  }

  /** The present address with other parameters. */
  with(query) {
    return format({ ...this.route, query: { ...this.route.query, ...query } });
  }

  /** Put what is chosen, sorted or filtered into the address, where the view stays. A step of its own to go back, but for what is typed, or gone through by keys. */
  note(query, passing = false) {
    const address = this.with(query);
    history[passing ? "replaceState" : "pushState"](null, "", address);
    this.route = parse(address);
  }

  copy(text, button = null) {
    if (text) copy(text, button);
    return Boolean(text);
  }

  copyLink(button = null) {
    return this.copy(location.href, button);
  }

  up() {
    this.go(toPlace(this.route, parentOf(this.route.path)));
  }

  /** Go to a sibling. */
  beside(step) {
    const { tree } = this.fleet;
    const place = tree ? tree.find(this.route.path) : -1;
    if (place < 0) return;
    const all = tree.childrenOf(tree.parent[place]);
    const next = all[all.indexOf(place) + step];
    if (next !== undefined) this.go(toPlace(this.route, tree.path(next)));
  }

  start() {
    window.addEventListener("hashchange", () => this._mount());
    for (const name of ["alerts", "tree", "families"]) this.fleet.addEventListener(name, () => this._heard(name));
    this.live.addEventListener("status", (/** @type {any} */ { detail }) => this._status(detail));
    this.live.addEventListener("beat", () => this._frame());
    this.live.addEventListener("gap", (/** @type {any} */ { detail }) => { if (detail.reason !== "polled") this.view?.load?.(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.view?.load?.(); });
    listen({ go: (view) => this.go(toPlace(this.route, view === "overview" ? "" : this.route.path, view)), press: (name, event) => this._press(name, event) });
    byId("help").addEventListener("click", () => this._keys());
    window.addEventListener("pointermove", () => this._ask().catch(() => {}), { once: true }); // whoever points will open something
    for (const what of ["alerts", "tree"]) this.fleet.load(what); // the first picture needs both, ready or not
    this.live.open(); // the first status says what else can be asked for
    this._mount();
  }

  _heard(name) {
    if (name === "alerts" && !this.fleet.errors.alerts) say(this.fleet.problems.length ? `${this.fleet.problems.length} problems` : "nothing is wrong");
    if (name !== "alerts" && this._wrongView()) this._mount();
    else if (name === "families" || (name === "tree" && !this.knowsTree)) this.view?.load?.();
    this.knowsTree ||= Boolean(this.fleet.tree);
    this.view?.update();
    this._frame();
  }

  _status(status) {
    const before = this.wasReady;
    this.wasReady = status.ready;
    this.offset = status.now - Date.now() / 1000;
    this.figures.take(status, this.now());
    if (before !== status.ready) {
      const isFirst = before === undefined; // what was asked for at the start is here, or on its way
      if (status.ready && isFirst && !this.fleet.alerts?.held) this.fleet.load("families");
      else if (status.ready) this.fleet.loadAll();
      else if (!isFirst) this.fleet.load("tree");
      this.view?.load?.();
    }
    this.view?.update();
    this._frame();
  }

  /** Do something with what is asked for later: at once where it is there. */
  _afterwards(work) {
    if (this.later) work(this.later);
    else this._ask().then(() => work(this.later), () => put(byId("view"), h("p.error", "A part of the page cannot be loaded: the aggregator does not answer, or has another version. ", h("button.button", { onclick: () => location.reload() }, "Load anew"))));
  }

  async _ask() {
    ({ later: this.later } = await import("./later.js"));
  }

  _keys() {
    this._afterwards(({ keySheet }) => {
      this.sheet ??= document.body.appendChild(keySheet());
      if (!this.sheet.open) this.sheet.showModal();
    });
  }

  /** Which view an address means: of a place, that of a branch or of a node. */
  _kind({ view, path } = this.route) {
    if (view !== "overview") return view;
    const { tree } = this.fleet;
    if (!path || (tree && tree.levels[0] === 1 && path === tree.path(0))) return "overview";
    const place = tree ? tree.find(path) : -1;
    return tree && place >= 0 && !tree.children[place] ? "node" : "branch";
  }

  _wrongView() {
    return this.view && this._kind() !== this.kind;
  }

  _mount() {
    const before = this.route;
    const route = parse(location.hash);
    const kind = this._kind(route);
    if (kind !== "overview" && !this.later) {
      this._afterwards(() => this._mount());
      return;
    }
    this.route = route;
    const moved = before.path !== route.path || before.view !== route.view;
    this.view?.close();
    this.kind = kind;
    this.view = new (kind === "overview" ? Overview : this.later.views[kind])(this);
    mount(byId("view"), this.view.element);
    this.view.update();
    document.title = `${this.route.path ? `${lastOf(this.route.path)} · ` : ""}${this.route.view === "overview" ? "" : `${this.route.view} · `}Fog`;
    if (moved) window.scrollTo(0, 0);
    this._frame();
  }

  _frame() {
    const { route, live, fleet } = this;
    const nodes = this.status?.coverage.nodes ?? {};
    const notLive = NOT_LIVE.reduce((sum, state) => sum + (nodes[state] ?? 0), 0);
    tabs(byId("tabs"), { route, notLive: this.status?.ready ? notLive : 0, firing: this.status?.ready ? fleet.problems.filter(({ state }) => state === "firing").length : 0, find: () => this.search.open() });
    pill(byId("pill"), live, Date.now() / 1000);
    if (!byId("span").contains(document.activeElement)) spans(byId("span"), route, (address) => this.go(address));
    footer(byId("footer"), this.status, { losses: this.figures.losses, figures: this.figures.told });
    this._wrong();
    this._banner();
  }

  /** Say what the address has that cannot be. */
  _wrong() {
    const { route: { wrong, query: { m } }, fleet } = this;
    const all = m && fleet.families.length && !fleet.family(m) ? [...wrong, `m “${brief(m)}”`] : wrong;
    const place = byId("wrong");
    const text = all.length ? `Left out of the address, as there is no such thing: ${all.join(", ")}` : "";
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text; // it is spoken once
  }

  _banner() {
    const { live } = this;
    const gone = live.connection === "disconnected" && live.heard > 0;
    document.body.classList.toggle("disconnected", gone);
    byId("banner").hidden = !gone;
    if (!gone) return;
    const now = Date.now() / 1000;
    put(
      byId("banner"),
      h("b", `Disconnected for ${span(now - live.heard)}`),
      h("p", "What you see is of ", h("b.mono", clock(live.heard)), `. The aggregator does not answer at ${location.host}.`),
      h("p", h("button.button.first", { onclick: () => live.open(), "data-key": "try" }, "Try now"), h("span.label", live.nextTry > now ? ` next try in ${Math.ceil(live.nextTry - now)} s` : " trying …")),
    );
  }

  _press(name, event) {
    if (document.querySelector("dialog[open]")) return false; // a dialog has keys of its own
    const own = { Enter: "button, a", " ": "button" }[name]; // what does something of its own at this key
    if (own && event.target instanceof HTMLElement && event.target.closest(own)) return false;
    if (name === "/") this.search.open();
    else if (name === "?") this._keys();
    else if (name === "t") byId("span").querySelector("select")?.focus();
    else if (name === "[" || name === "]") this._shift(name === "[" ? -1 : 1);
    else if (this.view?.press(name)) return true;
    else if (name === "m") this.act.colour();
    else if (name === "Backspace") this.up();
    else if (name === "c") this.copyLink();
    else return false;
    return true;
  }

  /** Show a span of the past, which stays: "Now" leads back. */
  choose(from, to) {
    this.go(this.with({ from: String(Math.round(Math.max(0, from))), to: String(Math.round(Math.max(to, from + 60))) }));
  }

  /** Move the span by half of itself. */
  _shift(step) {
    const now = this.now();
    const { from, to } = spanOf(this.route, now);
    const move = ((to - from) / 2) * step;
    if (to + move > now) this.go(this.with({ from: "", to: "" }));
    else this.choose(from + move, to + move);
  }
}

new Page().start();
