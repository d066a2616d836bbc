// Questions to the aggregator: relative addresses, at most four on their way, and an answer that is the same is not sent twice.
import { named } from "./queries.js";

const MOST_FLYING = 4;
let flying = 0;
/** @type {(() => void)[]} */
const waiting = [];
/** @type {Map<string, {tag: string, body: any}>} */
const answers = new Map();
const MOST_KNOWN = 40;
const LONGEST_MS = 30_000;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The address of something, with its parameters; those that are empty are left out. */
export function address(path, query = {}) {
  const url = new URL(path, document.baseURI.split("#")[0]);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) url.searchParams.append(name, String(one));
  }
  return url;
}

/**
 * Ask for JSON.
 * @throws {ApiError} with the server's own line; its status is 0 where there was no answer.
 */
export async function ask(path, query = {}, { signal = null } = {}) {
  const url = address(path, query).href;
  if (flying >= MOST_FLYING) await new Promise((resolve) => { waiting.push(() => resolve(null)); });
  flying += 1;
  try {
    return await answer(url, signal);
  } finally {
    flying -= 1;
    waiting.shift()?.();
  }
}

/**
 * Order something: what it is goes in a form, which a page of a stranger's cannot send.
 * @throws {ApiError} with the server's own line
 */
export async function order(path, fields) {
  const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value).map(([name, value]) => [name, String(value)]));
  const response = await fetch(address(path), { method: "POST", body, headers: { "X-Requested-With": "fog" } }).catch(() => null);
  const told = await response?.json().catch(() => null);
  if (!response?.ok) throw new ApiError(response?.status ?? 0, told?.error ?? "the aggregator does not answer");
  return told;
}

async function answer(url, signal) {
  if (signal?.aborted) throw new DOMException("left", "AbortError");
  const before = answers.get(url);
  const limit = AbortSignal.timeout(LONGEST_MS);
  let response;
  let text;
  try {
    response = await fetch(url, { signal: signal ? AbortSignal.any([signal, limit]) : limit, headers: before ? { "If-None-Match": before.tag } : {} });
    text = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "the aggregator does not answer");
  }
  if (response.status === 304 && before) return before.body;
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    if (response.ok) throw new ApiError(0, "the answer was cut off");
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? (text.trim() || `status ${response.status}`));
  keep(url, response.headers.get("ETag"), body);
  return body;
}

function keep(url, tag, body) {
  answers.delete(url);
  if (!tag) return;
  answers.set(url, { tag, body });
  if (answers.size > MOST_KNOWN) answers.delete(answers.keys().next().value);
}

/** Ask PromQL at a moment: rows of labels and a value. */
export async function instant(query, { time = null, signal = null } = {}) {
  const { data } = await ask("api/v1/query", { query, time }, { signal });
  return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

/**
 * Ask PromQL over a span: rows of labels and values on one grid; NaN where there is none.
 * @returns {Promise<{times: number[], rows: {labels: Record<string, string>, values: Float64Array}[], warnings: string[]}>}
 */
export async function range(query, { from, to }, { signal = null, most = 360, least = 10 } = {}) {
  const step = Math.max(least, Math.ceil((to - from) / most));
  const start = Math.floor(from / step) * step;
  const end = Math.floor(to / step) * step;
  const { data, warnings = [] } = await ask("api/v1/query_range", { query, start, end, step }, { signal });
  const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, place) => start + place * step);
  const rows = data.result.map(({ metric, values }) => {
    const column = new Float64Array(times.length).fill(NaN);
    for (const [time, value] of values) column[Math.round((time - start) / step)] = Number(value);
    return { labels: metric, values: column };
  });
  return { times, rows, warnings };
}

/**
 * Ask several expressions of PromQL over a span at once: the rows of each by its name. Those that are empty are left out.
 * @param {Record<string, string>} queries
 */
export async function ranges(queries, span, options = {}) {
  const asked = Object.entries(queries).filter(([, query]) => query);
  const { times, rows, warnings } = await range(asked.map(([name, query]) => named(query, name)).join(" or "), span, options);
  return { times, warnings, of: (name) => rows.filter(({ labels }) => labels.fog_row === name) };
}
