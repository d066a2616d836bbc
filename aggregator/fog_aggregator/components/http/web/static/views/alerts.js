// Alerts at and under a place: firing, pending, silenced, resolved; one line for one cause, with what to do.
import { card, h, put, table } from "../base/dom.js";
import { clock, count, full, many, span } from "../base/numbers.js";
import { after, isUnder, oneOf, shortened } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { sign } from "../parts/events.js";
import { failed } from "../parts/failed.js";
import { step } from "../parts/rows.js";
import { SilenceForm, SilencesOver } from "../parts/silence.js";
import { here } from "../parts/verdict.js";
import { floods, strip } from "../draw/strips.js";

const STRIP = 6 * 3600;
const ALERTS_BY = ["place", "rule", "time"];

export class Alerts {
  constructor(page) {
    this.page = page;
    this.top = h("div");
    this.error = h("div");
    this.lists = h("div.stack");
    /** @type {Map<string, SilenceForm | SilencesOver>} one for each alert: what is typed stays */
    this.forms = new Map();
    this.element = h("div.stack", this.top, this.error, this.lists);
    if (page.status?.ready) page.fleet.load("alerts");
    this.update();
  }

  close() {}

  get sort() {
    return oneOf(ALERTS_BY, this.page.route.query.sort);
  }

  get places() {
    const under = this.page.route.path;
    return (list) => (list ?? []).filter(({ path, paths }) => isUnder(path, under) || (paths ?? []).some((one) => isUnder(one, under)));
  }

  update() {
    const { page, places } = this;
    const answer = page.fleet.alerts;
    const error = page.fleet.errors.alerts;
    put(this.error, answer && failed(error, page.fleet.at.alerts));
    if (!answer) {
      put(this.top, h("section.card.verdict", h("div", h("h1", error ? "Alerts cannot be shown" : "Asking the aggregator …"), h("p.note", error))));
      return;
    }
    const lists = { Firing: places(answer.problems.filter(({ state }) => state === "firing")), Pending: places(answer.pending), Silenced: places(answer.silenced), "Resolved today": places(answer.resolved) };
    const worst = lists.Firing.some(({ severity }) => severity === "critical") ? "critical" : lists.Firing.length ? "warning" : "ok";
    put(
      this.top,
      h(
        "section.card.verdict",
        { "data-severity": answer.held ? "warning" : worst, "aria-label": "Alerts" },
        h("div", here(page, "alerts"), h("h1", answer.held ? "Held: not ready" : `${count(lists.Firing.length)} firing, ${count(lists.Pending.length)} pending, ${count(lists.Silenced.length)} silenced`), h("p.note", answer.held ? `None fires or resolves: ${answer.held}.` : lists.Firing.length && answer.folded > lists.Firing.length ? `${many(answer.folded, "alert was", "alerts were")} folded into ${count(lists.Firing.length)} by place. The list below never holds more than one line for one cause.` : lists.Firing.length ? "One line for one cause." : "Nothing fires.")),
        h("div.wide", floods(answer.flood, answer.floodAbove, page.now(), (from, to) => [...lists.Firing, ...lists.Silenced].filter(({ start }) => start >= from && start < to).length)),
      ),
    );
    if (this.lists.querySelector("input:focus")) return; // moved, a field would lose what is being typed
    put(this.lists, Object.entries(lists).map(([name, list]) => this._list(name, list)));
  }

  _list(name, list) {
    const buttons = name === "Firing" ? h("span.group", ALERTS_BY.map((by) => h("button", { "aria-pressed": String(by === this.sort), "data-key": by, onclick: () => this._note({ sort: by }) }, `by ${by}`))) : null;
    if (!list.length) return name === "Firing" ? card(name, {}, h("p.body.note", "Nothing fires here.")) : null;
    const order = { place: (one, other) => (one.path < other.path ? -1 : 1), rule: (one, other) => (one.title < other.title ? -1 : 1), time: (one, other) => (other.start ?? 0) - (one.start ?? 0) }[this.sort];
    const shown = name === "Firing" && this.sort !== "place" ? [...list].sort(order) : list;
    return card(
      name,
      { className: "aligned", note: h("span", { class: `badge ${name === "Firing" ? "critical" : ""}` }, count(list.length)), end: [name === "Silenced" && h("span.label", "come back by themselves; none without an end"), buttons] },
      table(["alert", "place", "-value and bound", "-last 6 h", "#since", "-#"], h("tbody", shown.map((one) => this._rows(one, name)))),
    );
  }

  _rows(one, list) {
    const { page } = this;
    const now = page.now();
    const open = this.page.route.query.open === one.id;
    const ended = list === "Resolved today";
    const kind = ended ? "ended" : one.severity;
    const since = ended ? `${clock(one.start, 2)}–${clock(one.end, 2)}` : `${clock(one.start, 2)} · ${span(now - one.start)}`;
    const side = one.until ? `${span(one.until - now)} left` : one.fires_at ? `fires in ${span(Math.max(0, one.fires_at - now))}` : one.folds > 1 ? `folds ${count(one.folds)}` : "";
    const row = h(
      "tr.open",
      { "aria-selected": String(open), tabindex: "0", "data-key": `alert-${one.id}`, onclick: (event) => { if (!(event.target instanceof HTMLAnchorElement)) this._open(one.id); }, onkeydown: (event) => { if (event.target === event.currentTarget && /^(Enter|e)$/.test(event.key)) { event.stopPropagation(); this._open(one.id); } } },
      h("td", h("span.named", sign(kind), h("b", one.title))),
      h("td", h("a.path", { href: toPlace(page.route, one.path), title: one.path }, shortened(one.path || "the fleet")), one.more ? h("span.label", ` and ${count(one.more)} more`) : null),
      h("td.note.wide", [one.value, boundOf(one.query)].filter(Boolean).join(", ")),
      h("td.wide", strip(one, now, STRIP, { Firing: "critical", Pending: "stale-thin", Silenced: "line2" }[list])),
      h("td.number", { title: full(one.start) }, since),
      h("td.number.label.wide", side || (list === "Firing" ? h("span.link", "Silence") : "")),
    );
    return open ? [row, h("tr", h("td", { colspan: 6 }, this._details(one, list)))] : row;
  }

  _details(one, list) {
    return h(
      "div.form",
      h("div", h("p.note", one.text), one.description && h("p.note", one.description), one.runbook && h("p.note", h("b", "What to do "), runbook(one.runbook)), one.query && h("p.mono.quiet", one.query)),
      list === "Resolved today" ? h("div") : this._form(one, list).element,
    );
  }

  _form(one, list) {
    if (!this.forms.has(one.id)) this.forms.set(one.id, new (list === "Silenced" ? SilencesOver : SilenceForm)(this.page, one));
    return this.forms.get(one.id);
  }

  _open(id) {
    this._note({ open: this.page.route.query.open === id ? "" : id });
  }

  _note(query) {
    this.page.note(query);
    this.update();
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    const row = this.element.querySelector(`tr[tabindex]${this.element.querySelector("tr:focus") ? ":focus" : ""}`);
    if (name === "s" && row) /** @type {any} */ (row).click();
    else if (name === "y") return this.page.copy(this.page.fleet.problems.find(({ id }) => id === this.page.route.query.open)?.query);
    else if (name === "o") this._note({ sort: after(ALERTS_BY, this.sort) });
    else return step(this.element, name, "tr[tabindex]");
    return true;
  }
}

/** The bound that an expression ends with. */
function boundOf(query) {
  const found = /[<>]=? *-?[\d.e]+$/.exec(query ?? "");
  return found && `bound ${found[0]}`;
}

/** A runbook's address is a link only where it is one of the web. */
function runbook(text) {
  return /^https?:\/\//.test(text) ? h("a", { href: text, rel: "noreferrer noopener", target: "_blank" }, text) : text;
}
