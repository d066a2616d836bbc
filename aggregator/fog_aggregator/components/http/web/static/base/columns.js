// Two columns of cards; one below the other, in the order of reading, where there is no room for two. The order of tabbing is theirs.
import { h } from "./dom.js";

const oneColumn = matchMedia("(max-width: 999px)");
const placeOfCard = (element) => Number(/order-(\d)/.exec(element.className)?.[1] ?? 9);

/** @param {string} kind @param {HTMLElement[]} left @param {HTMLElement[]} right each with its place in one column, as in `order-2` */
export function twoColumns(kind, left, right) {
  const [one, other] = [h("div.stack", left), h("div.stack", right)];
  const element = h("div", { class: `columns ${kind}` }, one, other);
  const arrange = () => {
    if (oneColumn.matches) one.append(...[...left, ...right].sort((first, second) => placeOfCard(first) - placeOfCard(second)));
    else {
      one.append(...left);
      other.append(...right);
    }
    other.hidden = oneColumn.matches;
  };
  oneColumn.onchange = arrange; // one view is shown at a time
  arrange();
  return element;
}
