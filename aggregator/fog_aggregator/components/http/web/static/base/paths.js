// Paths of the tree: tokens with slashes between.

/** @param {string} path */
export const tokens = (path) => (path ? path.split("/") : []);
export const parentOf = (path) => path.split("/").slice(0, -1).join("/");
export const lastOf = (path) => path.slice(path.lastIndexOf("/") + 1);
export const isUnder = (path, above) => above === "" || path === above || path.startsWith(`${above}/`);

/** Shorten the middle of a name: its beginning and its end are what people tell names apart by. */
export const brief = (name, most = 24) => (name.length <= most ? name : `${name.slice(0, Math.ceil((most - 1) / 2))}…${name.slice(-Math.floor((most - 1) / 2))}`);

/** Shorten the middle of a path that is too long: its last two tokens are always there, whole unless they alone are too long. */
export function shortened(path, most = 48) {
  const parts = tokens(path);
  if (path.length <= most) return path;
  const last = parts.slice(-2);
  const end = last.join("/").length > most ? last.map((part) => brief(part, Math.floor(most / 2))) : last;
  if (parts.length <= 2) return end.join("/");
  const begin = [];
  for (const part of parts.slice(0, -2)) {
    if ([...begin, part, "…", ...end].join("/").length > most) break;
    begin.push(part);
  }
  return [...begin, ...(begin.length < parts.length - 2 ? ["…"] : []), ...end].join("/");
}

/** A word of a list: the first one in place of what is none. */
export const oneOf = (all, one) => (all.includes(one) ? one : all[0]);

/** What follows a word in a list, in which the first one follows the last. */
export const after = (all, one) => all[(all.indexOf(one) + 1) % all.length];

/** The longest path that all of these are at or under. */
export function common(paths) {
  let found = tokens(paths[0] ?? "");
  for (const path of paths) {
    const parts = tokens(path);
    let same = 0;
    while (same < found.length && found[same] === parts[same]) same += 1;
    found = found.slice(0, same);
  }
  return found.join("/");
}

/** A pattern with `*` and `?`, or any part of the text, as a test. Case does not matter. */
export function matcher(pattern) {
  const text = pattern.trim().toLowerCase();
  if (!/[*?]/.test(text)) return (value) => value.toLowerCase().includes(text);
  return (value) => fits(text, value.toLowerCase());
}

/** Tell whether all of a text is as a pattern says. By no regular expression: one of many stars may take hours, and an address has what it likes. */
function fits(pattern, text) {
  let at = 0;
  let star = -1;
  let from = 0;
  let place = 0;
  while (place < text.length) {
    if (pattern[at] === "*") {
      star = at;
      from = place;
      at += 1;
    } else if (pattern[at] === "?" || pattern[at] === text[place]) {
      at += 1;
      place += 1;
    } else if (star >= 0) {
      from += 1; // the last star takes one letter more
      place = from;
      at = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(at));
}

/** A regular expression of PromQL for exactly this text. */
export const quoted = (text) => text.replace(/[.+*?^${}()|[\]\\]/g, "\\$&");
/** A text as a string of PromQL. */
export const asString = (text) => JSON.stringify(text);
