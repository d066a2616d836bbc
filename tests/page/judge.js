// What a program can judge of a page as it is rendered. Evaluated in the page; each check gives a list of faults.
(() => {
  const parse = (text) => {
    const found = /rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)(?:[, /]+([\d.]+))?\)/.exec(text);
    if (found) return [Number(found[1]), Number(found[2]), Number(found[3]), found[4] === undefined ? 1 : Number(found[4])];
    const mixed = /color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.]+))?\)/.exec(text);
    return mixed ? [255 * mixed[1], 255 * mixed[2], 255 * mixed[3], mixed[4] === undefined ? 1 : Number(mixed[4])] : [0, 0, 0, 0];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  /** The matrix of `filter: saturate(s)`. */
  const saturated = ([r, g, b, a], s) => [
    (0.213 + 0.787 * s) * r + (0.715 - 0.715 * s) * g + (0.072 - 0.072 * s) * b,
    (0.213 - 0.213 * s) * r + (0.715 + 0.285 * s) * g + (0.072 - 0.072 * s) * b,
    (0.213 - 0.213 * s) * r + (0.715 - 0.715 * s) * g + (0.072 + 0.928 * s) * b,
    a,
  ];
  const seen = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.visibility === 'hidden' || style.display === 'none' || Number(style.opacity) === 0 || at.classList.contains('spoken') || at.classList.contains('skip')) return false;
    }
    return element.getClientRects().length > 0;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
  };
  const filterOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = /saturate\(([\d.]+)\)/.exec(getComputedStyle(at).filter);
      if (found) return Number(found[1]);
    }
    return 1;
  };
  const name = (element) => `${element.tagName.toLowerCase()}${element.className && typeof element.className === 'string' ? `.${element.className.trim().split(/\s+/).join('.')}` : ''}`;
  const texts = function* () {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (node.data.trim() && element && !element.closest('noscript, script, style, option') && seen(element)) yield [element, node.data.trim()];
    }
  };

  /** Texts of less contrast than WCAG asks for. */
  const faint = () => {
    const found = new Set();
    for (const [element, text] of texts()) {
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const sign = element.closest('.sign, .glyph') !== null; // a shape, not a text: WCAG asks for 3
      const least = sign || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const below = ground(element);
      const filter = filterOf(element);
      const ink = over(parse(style.color), below);
      const ratio = contrast(saturated(ink, filter), saturated(below, filter));
      if (ratio < least - 0.005) found.add(`${name(element)} "${text.slice(0, 30)}" ${ratio.toFixed(2)}`);
    }
    return [...found];
  };

  /** What sticks out at the right, and what has to be scrolled sideways. */
  const wide = ({ sideways }) => {
    const found = new Set();
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) found.add(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const element of document.querySelectorAll('body *')) {
      if (!seen(element) || element.closest('svg')) continue;
      const scrolls = element.closest('.scroll, .results, dialog');
      const { right } = element.getBoundingClientRect();
      if (!scrolls && right > width + 0.5) found.add(`${name(element)} ends at ${Math.round(right)}`);
      if (!sideways && element.matches('.scroll, .results, dialog') && element.scrollWidth > element.clientWidth + 1) found.add(`${name(element)} of ${element.closest('[aria-label]')?.getAttribute('aria-label')} scrolls: ${element.scrollWidth} of ${element.clientWidth}`);
    }
    return [...found];
  };

  /** Texts that are cut, without another way to read them. */
  const cut = () => {
    const found = new Set();
    for (const [element, text] of texts()) {
      const range = document.createRange();
      range.selectNodeContents(element);
      const box = range.getBoundingClientRect();
      for (let at = element; at && at !== document.body; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (style.overflowX === 'visible' || style.overflowX === 'auto' || style.overflowX === 'scroll') continue;
        const { right, left } = at.getBoundingClientRect();
        if ((box.right > right + 1 || box.left < left - 1) && !element.closest('[title]')) found.add(`${name(element)} "${text.slice(0, 30)}" in ${name(at)}`);
      }
    }
    return [...found];
  };

  /** Controls without a name for those who do not see them. */
  const nameless = () => [...document.querySelectorAll('a[href], button, input, select, canvas, [role=img], [tabindex="0"]')]
    .filter((element) => seen(element) && !(element.getAttribute('aria-label') || element.textContent.trim() || element.getAttribute('title') || element.closest('label')?.textContent.trim() || element.querySelector('[alt]')))
    .map(name);

  /** Targets for fingers that are too small. */
  const small = () => [...document.querySelectorAll('.tabs a, .button, .chip, .group')].filter(seen).filter((element) => element.getBoundingClientRect().height < 43.5).map((element) => `${name(element)} "${element.textContent.trim().slice(0, 20)}" ${Math.round(element.getBoundingClientRect().height)}`);

  /** Heads of one name that do not stand below each other, in cards that have the same columns. */
  const askew = () => {
    const places = [...document.querySelectorAll('.aligned th')].filter(seen).map((head) => `${head.textContent} at ${Math.round(head.getBoundingClientRect().left)}`);
    return [...new Set(places)].filter((place, _, all) => all.some((other) => other !== place && other.split(' at ')[0] === place.split(' at ')[0]));
  };

  /** Where the focus is: its box, whether its ring is to be seen, and the card that it is in. `before` is where the last stop is by now: what lies above may have grown. */
  let last = null;
  const focused = () => {
    const element = document.activeElement;
    const before = last?.isConnected ? place(last) : null;
    last = element;
    return !element || element === document.body ? null : { ...place(element), before };
  };
  const place = (element) => {
    const { top, left, bottom, right } = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const card = element.closest('header.top, footer, section.card, dialog, .banner') ?? document.body;
    const box = card.getBoundingClientRect();
    const fixed = Boolean(element.closest('header.top, footer, .tabs'));
    return {
      name: `${name(element)} "${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 24)}"`,
      top: top + (fixed ? 0 : scrollY), bottom: bottom + (fixed ? 0 : scrollY), left, right, fixed,
      ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
      inside: fixed || (bottom > 0 && top < innerHeight),
      card: card.getAttribute('aria-label') ?? card.tagName, cardTop: (card === document.body ? top : box.top) + (fixed ? 0 : scrollY), cardLeft: card === document.body ? left : box.left,
    };
  };
  window.judge = { faint, wide, cut, nameless, small, askew, focused };
})();
