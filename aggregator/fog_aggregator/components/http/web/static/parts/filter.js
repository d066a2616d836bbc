// The field that filters a table: what is typed is in the address. The keys that a table has.
import { h } from "../base/dom.js";

const WAYS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

/** @param {any} page @param {string} what is filtered @param {string} hint @param {() => void} changed @param {boolean} [hides] where nothing is typed */
export function filterField(page, what, hint, changed, hides = false) {
  const value = page.route.query.q ?? "";
  const note = () => {
    page.note({ q: field.value }, true);
    changed();
  };
  const press = ({ key }) => {
    if (key === "Enter") field.blur(); // the keys are the table's again
    if (key !== "Escape") return;
    field.value = "";
    field.hidden = hides;
    note();
  };
  const field = /** @type {HTMLInputElement} */ (h("input.filter", { placeholder: hint, "aria-label": `Filter the ${what} (f)`, value, hidden: hides && !value, oninput: note, onkeydown: press }));
  return field;
}

/** Show a field, and go into it. */
export function enter(field) {
  field.hidden = false;
  field.focus();
  return true;
}

/** The row that a key leads to from another one; -1 where it leads to none. */
export const moved = (name, chosen, rows) => (WAYS[name] && rows ? Math.max(0, Math.min(rows - 1, chosen + WAYS[name])) : -1);
