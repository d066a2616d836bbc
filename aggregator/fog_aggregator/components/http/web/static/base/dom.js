// Elements without a library. Text is always set as text: a name that looks like HTML stays a name.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. Attributes that begin with "on" are listeners; those that are false or null are left out, as are such children.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), attributes, children));
}

/** Make an element of a drawing. @returns {SVGElement} */
export function s(tag, attributes = {}, ...children) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG, tag), attributes, children));
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "css") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(9).filter((child) => child !== null && child !== undefined && child !== false);
}

/**
 * Replace what is in an element, and keep the focus on what has the same `data-key`. What is being pressed stays until it is let go:
 * a click is lost where the button goes before its end.
 */
export function put(element, ...children) {
  if (element.querySelector("button:active, a:active")) return;
  const key = element.contains(document.activeElement) ? document.activeElement.getAttribute("data-key") : null;
  element.replaceChildren(...flat(children));
  if (key !== null) /** @type {any} */ (element.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus({ preventScroll: true });
}

/** A card with a title. @returns {HTMLElement} */
export function card(title, { note = "", end = [], className = "", label = title } = {}, ...children) {
  return h(
    "section",
    { class: `card ${className}`, "aria-label": label },
    h("header", {}, h("h2", {}, title), note && h("span", { class: "label" }, note), h("span", { class: "end" }, end)),
    children,
  );
}

/** A key to press, as it is shown. */
export const key = (name) => h("kbd", {}, name);

/** Copy a text, and say so where it was asked for. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h("textarea", { class: "spoken" }, text);
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
  const button = h("button", { class: "button", onclick: () => copy(text, button) }, "Copy");
  return h("div", { class: "command" }, h("code", {}, text), button);
}
