// The address: the path is the fragment, so that the page works behind any proxy's prefix.
// #/fog/ams/r04?view=events&t=1h&m=order_errors_total

import { brief } from "./paths.js";

export const SPANS = { "5m": 300, "15m": 900, "1h": 3600, "3h": 10800, "6h": 21600, "24h": 86400 };
export const VIEWS = ["overview", "nodes", "alerts", "events", "metrics"];

const PATH = /^[\w-]{1,64}(\/[\w-]{1,64}){0,15}$/;
const LONGEST_VALUE = 1100; // of what is in an address, a path or a filter: an aggregator refuses much longer ones
const LAST = 8.64e12; // seconds since 1970 of the last moment that a date can be

/**
 * @typedef {{path: string, view: string, query: Record<string, string>, wrong?: string[]}} Route `wrong` says what the address has that cannot be
 * @param {string} fragment
 * @returns {Route}
 */
export function parse(fragment) {
  const [place, rest = ""] = fragment.replace(/^#\/?/, "").split(/\?(.*)/s);
  /** @type {any} */
  const all = { ...Object.fromEntries(new URLSearchParams(rest)), path: decode(place).replace(/\/+$/, "") };
  /** @type {string[]} */
  const wrong = [];
  const leave = (...names) => {
    for (const name of names) {
      wrong.push(`${name} “${brief(all[name] ?? "")}”`);
      delete all[name];
    }
  };
  const [from, to] = [Number(all.from), Number(all.to)];
  if (all.path && !PATH.test(all.path)) leave("path");
  if (all.view && !VIEWS.includes(all.view)) leave("view");
  if (all.t && !Object.hasOwn(SPANS, all.t)) leave("t");
  if ((all.from || all.to) && !(all.from && 0 <= from && from < to && to <= LAST)) leave("from", "to");
  for (const name of Object.keys(all)) if (all[name].length > LONGEST_VALUE) leave(name);
  const { path = "", view = "overview", ...query } = all;
  return { path, view, query, wrong };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {Partial<Route>} route */
export function format({ path = "", view = "overview", query = {} }) {
  const all = new URLSearchParams();
  if (view !== "overview") all.set("view", view);
  for (const [name, value] of Object.entries(query)) if (value) all.set(name, value);
  const text = all.toString().replace(/%2F/g, "/").replace(/%2C/g, ",");
  return `#/${path.split("/").map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** What survives a click: the span of time, and what the map is coloured by. */
const KEPT = ["t", "from", "to", "m", "by"];

/** The address of a place, from where the reader stands. */
export function toPlace(route, path, view = "overview", more = {}) {
  const kept = Object.fromEntries(KEPT.filter((name) => route.query[name]).map((name) => [name, route.query[name]]));
  return format({ path, view, query: { ...kept, ...more } });
}

/** The span of time of a route, an hour by default. Absolute ones stop live movement. */
export function spanOf({ query }, now) {
  if (query.from) return { from: Number(query.from), to: Number(query.to), live: false };
  return { from: now - SPANS[query.t ?? "1h"], to: now, live: true };
}
