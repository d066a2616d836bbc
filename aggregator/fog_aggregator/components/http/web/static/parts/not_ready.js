// While the aggregator is not ready: what it waits for, what still holds, and no totals.
import { card, h } from "../base/dom.js";
import { count, share, span } from "../base/numbers.js";
import { pairWord } from "./frame.js";

export class NotReady {
  constructor(page) {
    this.page = page;
    this.began = page.now();
    /** @type {Map<string, {sequence: number, at: number}>} */
    this.first = new Map();
  }

  /** @param {any} status */
  show(status) {
    const now = this.page.now();
    const streams = status.streams ?? [];
    for (const stream of streams) if (!this.first.has(stream.name)) this.first.set(stream.name, { sequence: stream.sequence, at: now });
    const read = streams.reduce((sum, { sequence }) => sum + sequence, 0);
    const all = streams.reduce((sum, { last_sequence: last }) => sum + last, 0);
    const begun = streams.reduce((sum, { name }) => sum + this.first.get(name).sequence, 0);
    const rate = now > this.began ? (read - begun) / (now - this.began) : 0;
    const left = rate > 0 ? (all - read) / rate : NaN;
    return h(
      "div.stack",
      h(
        "section.card.verdict",
        { "data-severity": "warning", "aria-label": "Not ready" },
        h("div", h("p.crumbs", status.path || this.page.fleet.root || "the fleet"), h("h1", "Not ready: the aggregator is catching up"), h("p.note", "Totals appear when they are complete, so that none goes down later. ", h("code", "/metrics"), " answers 503.")),
        h(
          "div",
          h("p.progress-line", h("b", `${count(read)} of ${count(all)} messages`), h("span.label", Number.isFinite(left) && all > read ? `about ${span(left)} left` : "")),
          h("div.progress", h("i", { css: { width: `${all ? (100 * read) / all : 0}%` } })),
          h("p.label", rate > 0 ? `${count(rate)} messages/s` : ""),
        ),
      ),
      h(
        "div.columns.halves",
        card("What it waits for", {}, h("ul.list", streams.map((stream) => h("li", h("span", stream.lag ? "◐" : "✓", ` Stream ${stream.name} read to where it stood`), h("span.quiet", share(stream.sequence, stream.last_sequence)))), h("li", h("b", status.reason)))),
        card("Still true", {}, h("ul.list", item("Alerts", "held: none fires or resolves until ready"), (status.pair ?? []).map((one) => item("The other of the pair", `is ${pairWord(one)}`)), item("If it does not end", ["see ", h("code", "/-/ready"), " and its log"]))),
      ),
    );
  }
}

const item = (name, value) => h("li", h("span", name), h("span", value));
