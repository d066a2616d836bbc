// Keys. They do nothing while somebody types, nor with a modifier.

/** Whether a key is the browser's own. */
export const isModified = (event) => event.ctrlKey || event.metaKey || event.altKey;

const GO = { o: "overview", n: "nodes", a: "alerts", e: "events", m: "metrics" };

/**
 * Listen to keys.
 * @param {{go: (view: string) => void, press: (key: string, event: KeyboardEvent) => boolean}} to
 */
export function listen({ go, press }) {
  let chord = 0;
  document.addEventListener("keydown", (event) => {
    if (isModified(event)) return;
    const typing = event.target instanceof HTMLElement && /** @type {HTMLElement | null} */ (event.target.closest("input, textarea, select, [contenteditable]"));
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    if (chord && Date.now() - chord < 1500 && GO[event.key]) {
      chord = 0;
      event.preventDefault();
      go(GO[event.key]);
      return;
    }
    chord = event.key === "g" ? Date.now() : 0;
    if (!chord && press(event.key, event)) event.preventDefault();
  });
}
