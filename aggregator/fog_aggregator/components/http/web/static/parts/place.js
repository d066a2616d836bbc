// What can be done with a place, by a button or a key: the same for one with children and for a node.
import { action } from "../base/dom.js";

/** @param {{page: any, path: string, query: string}} view */
export const placeActions = (view) => [
  action("Silence…", "s", () => view.page.act.silence({ path: view.path })),
  action("PromQL", "y", (event) => view.page.copy(view.query, event.currentTarget)),
  action("Link", "c", (event) => view.page.copyLink(event.currentTarget)),
];

/** @param {{page: any, path: string, query: string}} view @param {string} name @returns {boolean} whether the key was ours */
export function placeKey({ page, path, query }, name) {
  if (name === "ArrowUp") page.up();
  else if (name === "ArrowLeft" || name === "ArrowRight") page.beside(name === "ArrowLeft" ? -1 : 1);
  else if (name === "s") page.act.silence({ path });
  else if (name === "y") page.copy(query);
  else return false;
  return true;
}
