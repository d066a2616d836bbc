// What changed: metrics by the size of their change, and which part of the tree it comes from.
import { card, h, table } from "../base/dom.js";
import { change, figure, share, span, unitOf } from "../base/numbers.js";
import { lastOf } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { spark } from "../draw/spark.js";

const STRONG = 0.5;

/** Read an answer of /api/changes. */
export function readChanges(answer) {
  const changes = answer.changes.map((one) => ({ ...one, name: one.metric, id: `${one.metric} ${one.quantile ?? ""}` }));
  const minutes = Math.round((answer.to - answer.from) / 60);
  const young = answer.compared ? "" : `Too young to compare: ${answer.since ? `${span(answer.to - answer.since)} of history` : "no history"}, and no metric here that was known ${minutes} min ago.`;
  return { changes, names: answer.names, note: young, at: answer.to };
}

/** @param {{route: any, answer: any, sparks: Map<string, ArrayLike<number>>, colour: (name: string) => void, error: HTMLElement | null}} told */
export function changesCard({ route, answer, sparks, colour, error }) {
  const changes = answer?.changes ?? [];
  return card(
    "What changed",
    { className: "order-4", note: "rate now against one hour ago, by size of change", end: [h("span.label.wide", "share of the change, by branch")] },
    error,
    answer?.note ? h("p.body.note", answer.note) : null,
    changes.length
      ? table(["metric", "last hour", "#now", "#1 h ago", "#change", "-where"], h("tbody", changes.map((one) => row(one, { route, sparks, colour }))))
      : !error && !answer?.note && h("p.body.note", answer ? "No metric of this place has changed." : "asking …"),
  );
}

function row(one, { route, sparks, colour }) {
  const unit = unitOf(one.quantile ? one.name : one.type === "histogram" ? "_total" : one.name, one.quantile ? "" : one.type === "gauge" ? "" : "counter");
  const [now, nowUnit] = figure(one.now, unit);
  const size = Math.abs(Math.log((one.now || 1e-9) / (one.before || 1e-9)));
  const strong = size > STRONG;
  const values = sparks.get(one.id);
  return h(
    "tr.open",
    { onclick: () => colour(one.name) },
    h("td.mono", h("button.plain", { title: "colour the map by it", "data-key": `change-${one.id}` }, one.name + (one.quantile ? ` p${one.quantile * 100}` : one.type === "histogram" ? " observed" : ""))),
    h("td", values ? spark(values, { kind: strong ? "critical" : "plain" }) : null),
    h("td.number", now, " ", h("span.unit", nowUnit)),
    h("td.number.quiet", figure(one.before, unit)[0]),
    h("td", { class: `number ${strong ? "bad" : size > 0.1 ? "warn" : "quiet"}` }, change(one.now, one.before)),
    h("td.wide", where(one, route)),
  );
}

function where(one, route) {
  const steps = one.way;
  if (!steps.length) return h("span.quiet", one.where);
  return steps.map((step, place) => [place ? " › " : null, h("a.share", { href: toPlace(route, step.path) }, `${lastOf(step.path)} `, h("b", step.share > 1 ? "more than all" : share(step.share, 1)))]);
}
