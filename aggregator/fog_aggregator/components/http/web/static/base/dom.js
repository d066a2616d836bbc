// Elements without a library. Text is always set as text: a name that looks like HTML stays a name.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element, with classes behind its name. Attributes that begin with "on" are listeners; an attribute or a child that is
 * false or null is left out.
 * @param {string} tag as in "span.label"
 * @param {...any} rest attributes, where they are a plain object, and children
 * @returns {HTMLElement}
 */
export function h(tag, ...rest) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  return /** @type {HTMLElement} */ (fill(element, rest));
}

/** Make an element of a drawing. @returns {SVGElement} */
export function s(tag, ...rest) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG, tag), rest));
}

function fill(element, rest) {
  const attributes = rest[0]?.constructor === Object ? rest.shift() : {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "css") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(rest));
  return element;
}

function flat(children) {
  return children.flat(9).filter((child) => child !== null && child !== undefined && child !== false);
}

/**
 * Replace what is in an element. The focus stays on what has the same `data-key`, else on what has the same address and text, else on
 * what stands where it stood: whoever presses Tab goes on from there. What is being pressed stays until it is let go: a click is lost
 * where the button goes before its end.
 */
export const put = (element, ...children) => swap(element, children, true);

/** Put another view into an element: the focus stays on what both of them have, and on nothing else. */
export const mount = (element, ...children) => swap(element, children, false);

function swap(element, children, stays) {
  if (element.querySelector("button:active, a:active")) return;
  /** @type {any} */
  const focused = element.contains(document.activeElement) && element !== document.activeElement ? document.activeElement : null;
  const [sign, place] = focused ? [signOf(focused), stopsIn(element).indexOf(focused)] : ["", -1];
  element.replaceChildren(...flat(children));
  if (!focused || focused.isConnected) return;
  const stops = stopsIn(element);
  const next = stops.find((stop) => signOf(stop) === sign) ?? (stays && stops[Math.min(place, stops.length - 1)]);
  if (next) next.focus({ preventScroll: true });
}

/** @returns {HTMLElement[]} */
const stopsIn = (element) => [...element.querySelectorAll("a[href], button, input, select, canvas, [tabindex]")];
const signOf = (stop) => stop.getAttribute("data-key") ?? `${stop.tagName} ${stop.getAttribute("href")} ${stop.textContent}`;

/** A card with a title. @param {any} title @param {{note?: any, end?: any, className?: string, label?: string}} [more] @param {...any} children @returns {HTMLElement} */
export function card(title, { note = "", end = [], className = "", label = title } = {}, ...children) {
  return h(
    "section",
    { class: `card ${className}`, "aria-label": label },
    h("header", h("h2", title), note && h("span.label", note), h("span.end", end)),
    children,
  );
}

/** Heads of columns: "#" is one of numbers, "-" one that a phone leaves out, "~" one that needs a wide window. @param {string[]} names */
export const heads = (names) => names.map((name) => h("th", { scope: "col", class: `${name.includes("#") ? "number" : ""} ${{ "-": "wide", "~": "roomy" }[name[0]] ?? ""}` }, name.replace(/^[-~]?#?/, "")));

/** A table that scrolls sideways where it must. @param {string[]} names heads of its columns @param {HTMLElement} body */
export const table = (names, body) => h("div.scroll", h("table", h("thead", h("tr", heads(names))), body));

/** A name that may be broken behind its underscores. */
export const breakable = (name) => name.split(/(?<=_)/).map((part, place) => [place > 0 && h("wbr"), part]);

/** A key to press, as it is shown. */
export const key = (name) => h("kbd", name);

/** A button with its key. */
export const action = (text, name, onclick) => h("button.button", { onclick }, `${text} `, key(name));

/** Copy a text, and say so where it was asked for. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h("textarea.spoken", text);
    document.body.append(field);
    /** @type {any} */ (field).select();
    document.execCommand("copy"); // without TLS a browser has no clipboard of the other kind
    field.remove();
  }
  say("Copied");
  if (!button) return;
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}

/** Tell a screen reader, once. */
export function say(text) {
  const place = document.getElementById("spoken");
  if (place && place.textContent !== text) place.textContent = text;
}

/** A command that can be copied. */
export function command(text) {
  const button = h("button.button", { "data-key": text, onclick: () => copy(text, button) }, "Copy");
  return h("div.command", h("code", text), button);
}
