// The legend of states: colour and pattern beside the word.
import { h } from "../base/dom.js";
import { SHOWN } from "./coverage.js";

export const swatches = () => [
  SHOWN.map((state) => h("span", h("i", { class: `swatch ${state}` }), ` ${state}`)),
  h("span", h("i.swatch.self"), " the place is a node itself"),
];
