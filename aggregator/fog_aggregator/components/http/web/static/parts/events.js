// Events, newest first; a run of the same name at places of one parent is folded.
import { card, h } from "../base/dom.js";
import { clock, count, digits, full, many } from "../base/numbers.js";
import { common, parentOf, shortened } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { MOST_RECENT } from "../data/recent.js";
import { failed } from "./failed.js";

const RUN = 60;
const HOUR = 3600;

/** Fold runs: the same name under one parent within a minute. @returns {{event: any, like: number, paths: string[]}[]} */
export function folded(events) {
  const found = [];
  for (const event of events) {
    const before = found.find((run) => run.event.name === event.name && parentOf(run.event.path) === parentOf(event.path) && run.event.timestamp - event.timestamp < RUN);
    if (before) {
      before.like += 1;
      before.paths.push(event.path);
    } else found.push({ event, like: 0, paths: [event.path] });
  }
  return found;
}

/** Events by their own time, the newest first. */
export const newestFirst = (events) => [...events].sort((one, other) => other.timestamp - one.timestamp);

/** The kind of an event, by what its name says. */
export function kindOf(name) {
  if (/(lost|firing|crash|fatal|killed)/.test(name)) return "critical";
  if (/(fail|stale|depart|error|timeout|refus|evict|drop|warn|gap|over_)/.test(name)) return "warning";
  if (/(live|resolved|recover|lifted|back|ok$)/.test(name)) return "ended";
  return "note";
}

export const SIGNS = { critical: "■", warning: "▲", note: "○", ended: "✓" };

/** The sign of a kind, with its shape. */
export const sign = (kind) => h("span", { class: `sign shape ${kind}`, role: "img", "aria-label": kind }, SIGNS[kind]);

/** What an event says beside its name. */
export function saying(event) {
  return [event.value === null || event.value === undefined ? "" : plain(event.value), pairs(event.labels), pairs(event.metadata)].filter(Boolean).join(" ");
}

/** A value of an event as a text: of an object what it has, a number as people read it. A text from right to left turns nothing beside it. */
export function plain(value) {
  if (typeof value === "number") return digits(value);
  if (value?.constructor === Object) return pairs(value);
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text) ? `\u2068${text}\u2069` : text;
}

/** Names and values beside each other. */
export const pairs = (values) => Object.entries(values ?? {}).map(([name, value]) => `${name}=${plain(value)}`).join(" ");

/** The list of a place: the newest few. @param {any} page @param {import("../data/recent.js").Recent} recent */
export function eventsCard(page, { path, answer, error, at }, { title = "Events", most = 4 } = {}) {
  if (!answer) return failed(error, at);
  const hour = answer.events.filter(({ timestamp }) => page.now() - timestamp < HOUR).length;
  const runs = folded(newestFirst(answer.events)).slice(0, most);
  return card(
    title,
    { className: "events-card order-5", end: [h("span.label", `${count(hour)}${hour < MOST_RECENT ? "" : " or more"} in the hour · `, h("a", { href: toPlace(page.route, path, "events") }, "all"))] },
    failed(error, at),
    runs.length
      ? h(
          "ul.events",
          runs.map(({ event, like, paths }) =>
            h(
              "li",
              h("time", { title: full(event.timestamp) }, clock(event.timestamp)),
              h("span", h("b", event.name), ` ${saying(event)}`, like ? h("span.label", ` · ${many(like, "other like it", "others like it")}`) : null),
              h("a.path", { href: toPlace(page.route, common(paths)) }, shortened(common(paths)) || "the fleet"),
            ),
          ),
        )
      : h("p.body.note", "No event is kept of this place."),
  );
}
