// PromQL for a place. Level N has each node's own values at a path that is shorter: so every query names fog_level and fog_path together.
import { asString, parentOf, quoted, tokens } from "../base/paths.js";

/** The level of a place; of the whole fleet there is none. */
export const levelOf = (path) => tokens(path).length - 1;

/** The labels of a place's own total. */
export const atPlace = (path) => (path ? `fog_level="${levelOf(path)}",fog_path=${asString(path)}` : "");

/** The labels of a place's children, and of the place as a node itself. */
export const below = (path) =>
  path ? `fog_level="${levelOf(path) + 1}",fog_path=~${asString(`${quoted(path)}(/[^/]+)?`)}` : `fog_level="0"`;

/** The labels of a place's siblings, itself among them. */
export function beside(path) {
  const parent = parentOf(path);
  return parent ? `fog_level="${levelOf(path)}",fog_path=~${asString(`${quoted(parent)}/[^/]+`)}` : atPlace(path);
}

/** A window of rates: so many seconds, or as many as they must be taken over at a place (`least_window` of an answer). */
export function windowOf(seconds, least) {
  const most = Math.max(seconds, least || 0);
  return most % 60 ? `${most}s` : `${most / 60}m`;
}

const labels = (...parts) => `{${parts.filter(Boolean).join(",")}}`;

/**
 * The expression of a metric at places.
 * @param {{name: string, type: string}} metric
 * @param {string} where labels
 * @param {{window?: string, by?: string, node?: boolean, share?: number}} [options] `share` of a histogram's observations
 */
export function expression({ name, type }, where, { window = "", by = "", node = false, share = 0.99 } = {}) {
  const sum = by ? `sum by (${by})` : "sum";
  if (type === "counter") return `${sum} (rate(${name}${labels(where)}[${window}]))`;
  if (type === "histogram") {
    const within = by ? `le,${by}` : "le";
    return `histogram_quantile(${share}, sum by (${within}) (rate(${name}_bucket${labels(where)}[${window}])))`;
  }
  const average = by ? `avg by (${by})` : "avg";
  return `${average} (${name}${labels(where, node ? "" : 'stat=~"|avg"')})`;
}

/** The query of a node's own series. */
export const ofNode = (path) => `fog_node=${asString(path)}`;

/** The expression of each series of a node: a rate, the 99th percentile, or the value. */
export function seriesOf({ name, type }, path, window) {
  if (type === "gauge") return `${name}${labels(ofNode(path))}`;
  const rate = (suffix) => `rate(${name}${suffix}${labels(ofNode(path))}[${window}])`;
  return type === "counter" ? rate("") : `histogram_quantile(0.99, ${rate("_bucket")})`;
}

/** Count of observations in each bucket, for a heat strip. */
export const heat = (name, where, window) => `sum by (le) (increase(${name}_bucket${labels(where)}[${window}]))`;

/** Quantiles over siblings: the band behind a line. */
export const bandOf = (metric, path, quantile, window) =>
  `quantile(${quantile}, ${expression(metric, beside(path), { window, by: "fog_path" })})`;

/** An expression whose rows have a name, so that several can be asked for at once. */
export const named = (query, name) => `label_replace(${query}, "fog_row", "${name}", "", "")`;

/** How many series each family has, and the rate of what is counted: rows with `fog_family`, which `rate` would leave out as a name. */
export function census(where, window) {
  const all = (names) => `label_replace(${labels(`__name__=~"${names}"`, where)}, "fog_family", "$1", "__name__", "(.+)")`;
  return `${named(`count by (fog_family) (${all(".+")})`, "series")} or ${named(`sum by (fog_family) (rate(${all(".+_(total|count)")}[${window}:10s]))`, "rate")}`;
}
