// The page of the aggregator: coverage, streams, the tree one level at a time, a few totals, the latest events.
// Everything it shows comes from the JSON interface; nothing is kept but the place in the tree, in the address.

const EVERY_MS = 3000;
const MOST_PLACES = 500;
const MOST_TOTALS = 40;
const MOST_EVENTS = 15;
const MOST_SERIES = 20_000; // with more, a browser has better things to do than to add them up
const STATES = ["live", "stale", "departed", "missing", "unread", "quarantined", "ended"];

const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** An element with properties and children; text is always set as text. */
function make(tag, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset ?? {});
  element.append(...children);
  return element;
}

const cell = (content, className = "") => make("td", { className }, content);
const heading = (content) => make("th", { scope: "row" }, content);
const row = (...cells) => make("tr", {}, ...cells);

async function ask(path, query = {}) {
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries(query)) if (value !== "") url.searchParams.set(name, value);
  const answer = await fetch(url);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

function age(seconds) {
  if (seconds === null) return "never";
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${number.format(Number(bytes.toPrecision(3)))} ${units[unit]}`;
}

/** The shares of nodes by state, for eyes only: the numbers stand beside it. */
function shares(nodes) {
  return STATES.filter((state) => nodes[state]).map((state) => {
    const share = make("i", { className: state });
    share.style.flexGrow = nodes[state];
    return share;
  });
}

function showStatus(status) {
  const ready = at("ready");
  const away = status.connected ? "" : ", cut off from NATS: states of nodes are those of an earlier moment";
  const text = (status.ready ? "ready" : `not ready: ${status.reason}`) + away;
  if (ready.textContent !== text) ready.textContent = text; // a screen reader says it when it changes, not each time
  ready.dataset.ready = status.ready && status.connected;
  const { nodes, count, oldest_frame_age_seconds: oldest } = status.coverage;
  at("bar").replaceChildren(...shares(nodes));
  const figures = [["nodes", whole.format(count)]];
  for (const state of STATES) figures.push([state, whole.format(nodes[state]), nodes[state] ? state : ""]);
  figures.push(["oldest live frame", age(oldest)]);
  at("coverage").replaceChildren(
    ...figures.map(([term, value, className = ""]) =>
      make("div", {}, make("dt", { textContent: term }), make("dd", { textContent: value, className })),
    ),
  );
  at("streams").replaceChildren(
    ...status.streams.map((stream) =>
      row(
        heading(stream.name),
        cell(`${whole.format(stream.sequence)} of ${whole.format(stream.last_sequence)}`, "number"),
        cell(whole.format(stream.lag), "number"),
        cell(size(stream.bytes) + (stream.max_bytes === null ? "" : ` of ${size(stream.max_bytes)}`), "number"),
        cell(stream.seconds_until_gap === null ? "none" : age(stream.seconds_until_gap), "number"),
      ),
    ),
  );
}

function link(path, text) {
  return make("a", { href: path ? `#${path}` : "#", textContent: text });
}

function showTree(tree, root) {
  const above = root ? root.split("/").length - 1 : 0; // what a login is not shown is no link
  const tokens = tree.path ? tree.path.split("/") : [];
  const steps = [link("", "everything")];
  tokens.forEach((token, depth) => steps.push(" / ", depth < above ? token : link(tokens.slice(0, depth + 1).join("/"), token)));
  at("where").replaceChildren(...steps);
  const places = [tree, ...tree.children.slice(0, MOST_PLACES)].filter((place) => place.path);
  const rows = places.map((place) => {
    const { live } = place.nodes;
    const spread = make("div", { className: "bar" }, ...shares(place.nodes));
    spread.setAttribute("role", "img");
    spread.setAttribute("aria-label", STATES.map((state) => `${place.nodes[state]} ${state}`).join(", "));
    return row(
      heading(place === tree ? make("strong", { textContent: place.path }) : link(place.path, place.name)),
      cell(place.state ?? "–", place.state ?? "quiet"),
      cell(whole.format(place.count), "number"),
      cell(spread),
      cell(live ? age(place.oldest_frame_age_seconds) : "–", "number"),
    );
  });
  if (tree.children.length > MOST_PLACES) {
    rows.push(row(cell(`and ${whole.format(tree.children.length - MOST_PLACES)} more`, "quiet")));
  }
  at("tree").replaceChildren(...rows);
}

/** A metric's values as one number: counts added up; null for what does not add up. */
function totalOf(name, value) {
  const values = Array.isArray(value) ? value : [value];
  const counts = values.filter((one) => one.labels.type === "count" || name.endsWith("_total"));
  const sum = counts.reduce((total, one) => total + Number(one.value), 0);
  return counts.length && Number.isFinite(sum) ? sum : null;
}

function showTotals(snapshot, path) {
  at("totals-of").textContent = `of ${path || "everything"}`;
  const totals = Object.entries(snapshot.metrics)
    .filter(([name]) => !name.startsWith("fog_aggregator_"))
    .map(([name, value]) => [name, totalOf(name, value)])
    .filter(([, total]) => total !== null);
  at("totals").replaceChildren(
    ...totals.slice(0, MOST_TOTALS).map(([name, total]) => {
      const why = new URLSearchParams({ path, name });
      if (!path) why.delete("path");
      const explain = make("a", { href: `api/explain?${why}`, textContent: "explain" });
      explain.setAttribute("aria-label", `explain ${name}`);
      return row(heading(name), cell(number.format(total), "number"), cell(explain));
    }),
  );
  const more = totals.length - MOST_TOTALS;
  at("totals-note").textContent = more > 0 ? `${more} more are in /metrics.` : "";
}

function showEvents({ events }) {
  const items = [...events].reverse().map((event) => {
    const when = new Date(event.timestamp * 1000);
    const time = make("time", { textContent: when.toLocaleTimeString(), dateTime: when.toISOString() });
    return make("li", {}, time, ` ${event.name} `, make("span", { className: "quiet", textContent: event.path }));
  });
  at("events").replaceChildren(...(items.length ? items : [make("li", { className: "quiet" }, "none yet")]));
}

async function refresh() {
  const path = decodeURIComponent(location.hash.slice(1));
  try {
    const status = await ask("api/status");
    showStatus(status);
    const below = { path };
    const [tree, events] = await Promise.all([
      ask("api/tree", { ...below, depth: 1 }),
      ask("api/events", { ...below, limit: MOST_EVENTS }),
    ]);
    showTree(tree, status.path);
    showEvents(events);
    if (status.series > MOST_SERIES) at("totals-note").textContent = "Too many series to add up here: see /metrics.";
    else if (status.ready) showTotals(await ask("api/snapshot", below), path);
  } catch (error) {
    at("ready").textContent = error instanceof TypeError ? "the aggregator does not answer" : error.message;
    at("ready").dataset.ready = "false";
  }
}

async function live() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

addEventListener("hashchange", refresh);
live();
