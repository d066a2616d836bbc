// Problems: what is wrong, where, since when; one line for one cause.
import { action, card, copy, h } from "../base/dom.js";
import { clock, count, full, span } from "../base/numbers.js";
import { shortened } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { spark } from "../draw/spark.js";
import { sign } from "./events.js";

export const MOST_PROBLEMS = 7;

/** Since when, and for how long; or until when. */
export function when(problem, now) {
  if (problem.until) return `${clock(problem.start, 2)} · until ${clock(problem.until, 2)}`;
  return Number.isFinite(problem.start) && problem.start ? `${clock(problem.start, 2)} · ${span(now - problem.start)}` : "–";
}

/** The place of a problem: one path, and how many more. */
export const placeOf = (problem) => `${shortened(problem.path || "the fleet")}${problem.more ? ` and ${count(problem.more)} more` : ""}`;

/** @param {{route: any, problems: any[], silenced: number, selected: any, now: number, sparks: Map<string, ArrayLike<number>>, select: (number: number) => void, act: any, empty: any, error: HTMLElement | null}} told */
export function problemsCard(told) {
  const { problems, silenced, route } = told;
  const shown = problems.slice(0, MOST_PROBLEMS);
  const number = (severity) => problems.filter((problem) => problem.severity === severity).length;
  const counts = ["critical", "warning", "note"].filter(number).map((severity) => h("span.label.named", sign(severity), h("b", count(number(severity)))));
  return card(
    "Problems",
    { className: "order-2", note: counts, end: [h("span.label", silenced ? `${count(silenced)} silenced · ` : "", h("a", { href: toPlace(route, route.path, "alerts") }, "alerts"))] },
    told.error,
    shown.length ? h("ol", { role: "listbox", "aria-label": "Problems" }, shown.map((problem) => problemLine(problem, told))) : told.empty,
    problems.length > MOST_PROBLEMS ? h("p.body", h("a", { href: toPlace(route, route.path, "alerts") }, `and ${count(problems.length - MOST_PROBLEMS)} more`)) : null,
  );
}

/** Whether a link or a button in the line is meant. */
const isInner = (event) => event.target.closest("button, a") !== null;

function problemLine(problem, { route, selected, now, sparks, select, act }) {
  const chosen = problem === selected;
  const kind = problem.severity === "critical" ? "critical" : problem.severity === "warning" ? "warning" : "plain";
  const values = sparks.get(problem.id);
  return h(
    "li.problem",
    { role: "option", tabindex: "0", "aria-selected": String(chosen), "data-key": `problem-${problem.id}`, onclick: (event) => { if (!isInner(event)) select(problem.number); }, onkeydown: (event) => { if (event.key === "Enter" && !isInner(event)) { event.stopPropagation(); act.open(problem); } } },
    h("span", { class: `sign ${problem.severity}` }, String(problem.number)),
    h("h3", problem.title),
    h("span.when", { title: full(problem.start) }, when(problem, now)),
    h("a.path.place", { href: toPlace(route, problem.path), title: problem.path }, placeOf(problem)),
    values ? spark(values, { kind }) : h("span.spark"),
    h("p.why.note", problem.text),
    chosen
      ? h(
          "div.actions",
          action("Open", "↵", () => act.open(problem)),
          problem.metric && action("Why", "w", () => act.open(problem)),
          problem.alert && action("Silence…", "s", () => act.silence(problem)),
          problem.query && action("PromQL", "y", (event) => copy(problem.query, event.currentTarget)),
        )
      : null,
  );
}
