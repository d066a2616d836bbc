// The address: the path is the fragment, so that the page works behind any proxy's prefix.
// #/fog/ams/r04?view=events&t=1h&m=order_errors_total

export const SPANS = { "5m": 300, "15m": 900, "1h": 3600, "3h": 10800, "6h": 21600, "24h": 86400 };
export const VIEWS = ["overview", "nodes", "alerts", "events", "metrics"];

/**
 * @typedef {{path: string, view: string, query: Record<string, string>}} Route
 * @param {string} fragment
 * @returns {Route}
 */
export function parse(fragment) {
  const [place, rest = ""] = fragment.replace(/^#\/?/, "").split(/\?(.*)/s);
  const query = Object.fromEntries(new URLSearchParams(rest));
  const { view = "overview", ...others } = query;
  return { path: decode(place).replace(/\/+$/, ""), view: VIEWS.includes(view) ? view : "overview", query: others };
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

/** The span of time of a route. Absolute ones stop live movement. */
export function spanOf({ query }, now) {
  const from = Number(query.from);
  const to = Number(query.to);
  if (query.from && query.to && from < to) return { from, to, live: false };
  return { from: now - secondsOf(query.t), to: now, live: true };
}

/** The seconds of a span by its name; an hour for one that is none. */
export const secondsOf = (name) => (Object.hasOwn(SPANS, name) ? SPANS[name] : 3600);
