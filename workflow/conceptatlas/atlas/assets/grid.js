"use strict";
/* A grid of thousands of cards of which only those in sight exist. Arrow keys move between cards. */

/* items: what is shown; make(item, index): the card's element, a link; width and height of a card in px. */
Atlas.grid = function (label, make, { width, height, gap = 10 }) {
  const list = h("ul", { class: "grid", "aria-label": label });
  const live = new Map();
  let items = [], columns = 1, first = -1, last = -1;

  const paint = () => {
    if (!list.isConnected) return;
    columns = Math.max(1, Math.floor((list.clientWidth + gap) / (width + gap)));
    const rows = Math.ceil(items.length / columns), line = height + gap;
    list.style.height = `${Math.max(0, rows * line - gap)}px`;
    const above = Math.max(0, -list.getBoundingClientRect().top);
    const from = Math.max(0, Math.floor(above / line) - 2) * columns;
    const to = Math.min(items.length, (Math.ceil((above + innerHeight) / line) + 2) * columns);
    for (const [index, element] of live) if (index < from || index >= to) { element.remove(); live.delete(index); }
    const stretch = (list.clientWidth - columns * width) / Math.max(columns - 1, 1);
    const step = width + (columns > 1 ? Math.min(stretch, gap * 2.2) : 0);
    for (let index = from; index < to; index++) {
      if (!live.has(index)) {
        const element = h("li", { "aria-setsize": items.length, "aria-posinset": index + 1, data: { index } }, make(items[index], index));
        live.set(index, element);
        const after = [...live.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
        list.insertBefore(element, after === undefined ? null : live.get(after));
      }
      const element = live.get(index);
      element.style.transform = `translate(${(index % columns) * step}px, ${Math.floor(index / columns) * line}px)`;
    }
    first = from; last = to;
  };
  let asked = false;
  const soon = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; paint(); }); } };
  Atlas.listen(window, "scroll", soon, { passive: true });
  Atlas.listen(window, "resize", soon);
  list.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity };
    const own = event.target.closest("li");
    if (!(event.key in steps) || !own) return;
    event.preventDefault();
    const to = Math.min(Math.max(Number(own.dataset.index) + steps[event.key], 0), items.length - 1);
    if (!live.has(to)) {
      window.scrollTo(0, window.scrollY + list.getBoundingClientRect().top + Math.floor(to / columns) * (height + gap) - innerHeight / 2);
      paint();
    }
    live.get(to).querySelector("a").focus();
  });
  const show = (wanted) => {
    for (const element of live.values()) element.remove();
    live.clear();
    items = wanted;
    paint();
  };
  return { list, show, paint };
};

/* The thumbnails of a unit: part of its layer's sheet. */
Atlas.thumbnails = function (place, unit) {
  const [n, size] = place.thumbnails || [0, 0];
  if (!place.n_sheets) return null;
  const sheet = Math.floor(unit / 1024), inside = unit % 1024, units = Math.min(1024, place.n_units - sheet * 1024);
  const wide = 8 * n * size, tall = Math.ceil(units / 8) * size;
  const file = `${Atlas.key(place, "sheet-" + sheet).split("/").map(encodeURIComponent).join("/")}.webp`;
  return h("span", { class: "thumbnails", "aria-hidden": "true", style: {
    width: `${n * size}px`, height: `${size}px`, backgroundImage: `url("${file}")`, backgroundSize: `${wide}px ${tall}px`,
    backgroundPosition: `-${(inside % 8) * n * size}px -${Math.floor(inside / 8) * size}px` } });
};
