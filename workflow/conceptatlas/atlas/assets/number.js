"use strict";
/* Numbers that explain themselves: on hover or focus their definition and interval, behind the link their row. */

Atlas.format = function (value, { percent = false, digits = 3 } = {}) {
  if (value == null || value === "") return "–";
  if (typeof value !== "number") return String(value);
  if (percent) return `${Number((100 * value).toPrecision(digits))} %`;
  if (Number.isInteger(value)) return value.toLocaleString("en", { useGrouping: Math.abs(value) >= 10000 });
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
};

/* A number of a table. at: {key, row, column, low, high (values), null_high, options}; the visible text has the interval
   too where `interval` is set. */
Atlas.number = function (value, at, { percent, digits, interval = false, text } = {}) {
  const shown = text || Atlas.format(value, { percent, digits });
  const between = at.low != null && at.high != null;
  const range = between ? `${Atlas.format(at.low, { percent, digits })} to ${Atlas.format(at.high, { percent, digits })}` : "";
  return h("a", {
    class: "number",
    href: `${Atlas.to("table", ...at.key.split("/"))}?row=${at.row}`,
    data: { kind: at.kind || Atlas.kind(at.key), column: at.column, range, chance: at.chance == null ? "" : Atlas.format(at.chance), row: at.number ?? at.row, key: at.key },
  }, shown, interval && between ? h("small", {}, ` [${range.replace(" to ", ", ")}]`) : null);
};

/* A number that no table of the atlas holds: it says what it is. */
Atlas.said = function (value, definition, options) {
  return h("span", { class: "number", tabindex: "0", data: { tip: definition } }, Atlas.format(value, options));
};

/* The same from a loaded table; low and high are names of columns. */
Atlas.cell = function (table, row, column, { low, high, chance, ...options } = {}) {
  return Atlas.number(table.value(row, column), {
    key: table.key, row, column, number: table.number(row),
    low: low ? table.value(row, low) : null,
    high: high ? table.value(row, high) : null,
    chance: chance ? table.value(row, chance) : null,
  }, options);
};

Atlas.explain = function (element) {
  const { kind, column, range, chance, row, key } = element.dataset;
  const [definition, unit] = (Atlas.definitions[kind] || {})[column] || ["", ""];
  return [
    h("b", {}, column.replaceAll("_", " ")),
    definition ? h("p", {}, definition + (unit ? ` (${unit})` : "")) : null,
    range ? h("p", {}, `Interval: ${range}`) : null,
    chance ? h("p", {}, `By chance, 95 % point: ${chance}`) : null,
    h("p", { class: "quiet" }, `Row ${row} of ${key}`),
  ];
};

Atlas.tips = function () {
  const tip = document.getElementById("tip");
  let shown = null;
  const hide = () => { tip.hidden = true; if (shown) shown.removeAttribute("aria-describedby"); shown = null; };
  const show = (element) => {
    shown = element;
    const parts = element.dataset.column ? Atlas.explain(element) : [h("p", {}, element.dataset.tip)];
    tip.replaceChildren(...parts.filter(Boolean));
    tip.hidden = false;
    element.setAttribute("aria-describedby", "tip");
    const box = element.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left), innerWidth - tip.offsetWidth - 8);
    const below = box.bottom + 8 + tip.offsetHeight < innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? box.bottom + 8 : Math.max(8, box.top - tip.offsetHeight - 8)}px`;
  };
  Atlas.tip = (element) => { if (element) show(element); else if (shown) hide(); }; // for parts of a drawing that are no elements
  const over = (event) => {
    if (event.target.closest && event.target.closest(".heatmap")) return; // has tips of its own
    const element = event.target.closest && event.target.closest(".number, [data-tip]");
    if (element && element !== shown) show(element); else if (!element && shown) hide();
  };
  document.addEventListener("mouseover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
};
