// The frame of every view: tabs with their numbers, the pill, the span of time, the footer.
import { h, key, put } from "../base/dom.js";
import { clock, count, full, span } from "../base/numbers.js";
import { format, SPANS, toPlace } from "../base/route.js";

const TABS = [
  ["overview", "Overview", "▤"],
  ["nodes", "Nodes", "⣿"],
  ["alerts", "Alerts", "▲"],
  ["events", "Events", "≡"],
  ["metrics", "Metrics", "∿"],
];
const SPAN_WORDS = { "5m": "Last 5 min", "15m": "Last 15 min", "1h": "Last hour", "3h": "Last 3 h", "6h": "Last 6 h", "24h": "Last 24 h" };
const PILL_WORDS = { live: "Live", quiet: "Quiet", polling: "Polling", "not-ready": "Not ready", disconnected: "Disconnected" };

/** The tabs; Nodes has what is not live, Alerts what fires. */
export function tabs(element, { route, notLive, firing, find }) {
  put(
    element,
    TABS.map(([view, name, glyph]) => {
      const number = { nodes: notLive, alerts: firing }[view];
      return h(
        "a",
        { href: toPlace(route, view === "overview" ? "" : route.path, view), "data-key": view, "aria-current": route.view === view ? "page" : null },
        h("span.glyph", { "aria-hidden": "true" }, glyph),
        name,
        number ? h("span", { class: `badge ${view === "alerts" ? "critical" : ""}` }, count(number)) : null,
      );
    }),
    h("a.only-narrow", { href: "#", onclick: (event) => { event.preventDefault(); find(); } }, h("span.glyph", { "aria-hidden": "true" }, "⌕"), "Search"),
  );
}

/** How old what is shown is. */
export function pill(element, live, now) {
  const state = live.connection;
  const age = now - live.heard;
  element.dataset.state = state;
  const told = state === "disconnected" ? (live.heard ? span(now - live.heard) : "") : state === "not-ready" ? "" : `${span(age)} ago`;
  const title = state === "polling" ? "Events cannot be streamed through what lies between: asked every 10 s" : live.heard ? `last heard ${full(live.heard)}` : "";
  put(element, h("span.dot"), h("b", PILL_WORDS[state]), told && h("span", { title }, told));
}

/** The span of time that an address has. */
export const spanName = ({ query: { from, to, t } }) => (from ? `${clock(Number(from), 2)}–${clock(Number(to), 2)}` : SPAN_WORDS[t ?? "1h"]);

/** The choice of a span of time. */
export function spans(element, route, go) {
  const absolute = Boolean(route.query.from);
  const chosen = absolute ? "abs" : (route.query.t ?? "1h");
  put(
    element,
    h(
      "select.pill",
      { "aria-label": "Span of time (t)", "data-key": "span", onchange: (event) => { const { from, to, ...rest } = route.query; go(format({ ...route, query: { ...rest, t: event.target.value } })); } },
      absolute ? h("option", { value: "abs", selected: true }, spanName(route)) : null,
      Object.keys(SPANS).map((name) => h("option", { value: name, selected: name === chosen }, SPAN_WORDS[name])),
    ),
    absolute && h("a.button", { href: format({ ...route, query: { ...route.query, from: "", to: "" } }) }, "Now"),
  );
}

/** The other aggregator of a pair in a word, as it was heard last. */
export const pairWord = ({ ready, silent, age_seconds: age }) => (silent ? `silent for ${span(age)}` : ready ? "ready" : "not ready");

const lost = (losses) => losses.map(({ name, value }) => `${name} ${count(value)}`).join(", ");

/** What the numbers stand on. @param {HTMLElement} element @param {any} status @param {{losses: {name: string, value: number}[] | null, figures: any}} about */
export function footer(element, status, { losses, figures }) {
  if (!status) {
    put(element, "no answer yet");
    return;
  }
  const item = (name, value, after = "", bad = false) => h("span", { class: bad ? "loss" : "" }, `${name} `, h("b", value), after);
  const streams = status.streams.map((stream) => h("span", { class: stream.lag > 10000 ? "loss" : "" }, h("b", stream.name), ` lag ${count(stream.lag)}`));
  const left = Math.min(...status.streams.map((stream) => stream.seconds_until_gap ?? NaN)); // null: nobody knows yet
  put(
    element,
    streams,
    status.ready
      ? [
          Number.isFinite(left) && item("away for at most", span(left), " before a gap", left < 3600),
          figures.frames && h("span", h("b", figures.frames), " frames/s"),
          ...(status.pair ?? []).slice(0, 1).map((one) => item("pair", pairWord(one), "", one.silent || !one.ready)),
          item("oldest live frame", span(status.coverage.oldest_frame_age_seconds)),
          figures.checkpoint && item("checkpoint", figures.checkpoint, " ago"),
          losses && (losses.length
            ? h("span.loss", { title: lost(losses) }, h("a", { href: "#/?view=alerts" }, "losses ", h("b", lost(losses)), " in the hour"))
            : item("losses", "0", " in the hour")),
        ]
      : h("span", "rates, ages and losses are shown once it is ready"),
    h("span.right", h("span.mono", status.version), " ", key("?"), " keys"),
  );
}
