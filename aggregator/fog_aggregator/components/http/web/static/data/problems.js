// The lines of the list of problems: what fires, one line for one cause; then nodes that are not live and are behind no such line.
import { count, digits, many } from "../base/numbers.js";
import { isUnder } from "../base/paths.js";

const OF_NODES = {
  departed: "Not heard for an hour. Their counts stay in the totals.",
  stale: "Their gauges are out of every rollup, their counts stay.",
  missing: "Expected, and never heard.",
  unread: "Below a branch whose aggregator sends nothing: in no total.",
  quarantined: "Taken out of all totals by an operator.",
};
const RANK = ["critical", "warning", "note"];

/** A problem of the aggregator's as a line. */
function ofAlert(problem) {
  const text = [problem.annotations?.summary, problem.text].filter(Boolean).map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
  const suppressed = Object.values(problem.suppressed ?? {}).reduce((sum, number) => sum + number, 0);
  return {
    ...problem,
    id: `${problem.alert}@${problem.path}@${problem.state}`,
    start: problem.since,
    more: 0,
    folds: problem.alerts + suppressed,
    metric: metricOf(problem.query),
    until: problem.silenced_until,
    description: problem.annotations?.description ?? "",
    runbook: problem.annotations?.runbook_url ?? "",
    value: problem.members?.length === 1 ? (typeof problem.members[0].value === "number" ? digits(problem.members[0].value) : problem.members[0].value) : problem.nodes && problem.of ? `${count(problem.nodes)} of ${count(problem.of)} nodes` : "",
    text,
  };
}

/** The first metric of an expression: what the charts of its place begin with. */
export function metricOf(query) {
  const found = /\b([a-zA-Z_:][\w:]*)\s*\{|rate\(\s*([a-zA-Z_:][\w:]*)/.exec(query ?? "");
  const name = found?.[1] ?? found?.[2] ?? "";
  return name.startsWith("fog_aggregator_") ? "" : name.replace(/_(bucket|sum|count)$/, "");
}

/**
 * @param {any} answer of /api/alerts
 * @returns {{problems: any[], pending: any[], silenced: any[], resolved: any[], groups: any[], held: string, flood: number[], floodAbove: number, folded: number}}
 */
export function readAlerts(answer) {
  const all = answer.problems.filter(({ members }) => members[0]?.labels.severity !== "none").map(ofAlert); // one that always fires shows that rules reach receivers
  const of = (state) => all.filter((problem) => problem.state === state);
  const firing = of("firing");
  const nodes = answer.nodes.flatMap((group) => ofNodes(group, firing));
  const problems = [...firing, ...nodes].sort((one, other) => RANK.indexOf(one.severity) - RANK.indexOf(other.severity) || Number(Boolean(other.alert)) - Number(Boolean(one.alert)));
  problems.forEach((problem, place) => { problem.number = place + 1; });
  return {
    problems,
    pending: of("pending"),
    silenced: of("silenced"),
    resolved: answer.resolved.map((one) => ({ ...one, id: `${one.alert}@${one.path}@${one.until}`, start: one.since, end: one.until, until: null })),
    groups: answer.nodes,
    held: answer.held,
    flood: answer.new.counts,
    floodAbove: answer.new.flood,
    folded: answer.alerts.firing + answer.alerts.suppressed,
  };
}

/** One line for all nodes of a state that no firing line is about. */
function ofNodes({ state, groups, left_out: leftOut }, firing) {
  const text = OF_NODES[state];
  if (!text) return [];
  const isOrdered = state === "quarantined";
  const own = groups.filter(({ path }) => !firing.some((problem) => problem.path && isUnder(path, problem.path)));
  if (!own.length) return [];
  const number = own.reduce((sum, { nodes }) => sum + nodes, 0);
  const [largest] = own;
  const since = Math.min(...own.map(({ first }) => first || Infinity));
  return [{ id: `nodes@${state}`, title: `${many(number, "node")} ${isOrdered ? "in quarantine" : state}`, path: largest.path, paths: own.map(({ path }) => path), more: own.length - 1 + (leftOut ?? 0), start: Number.isFinite(since) ? since : null, severity: isOrdered ? "note" : "warning", text, alert: "", query: "", state }];
}
