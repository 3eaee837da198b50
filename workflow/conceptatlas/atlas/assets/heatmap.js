"use strict";
/* A matrix of numbers as coloured cells: one stop of the Tab key, arrows move, Enter opens; what is undefined is hatched.
   The scale is viridis in 5 stops, light for large values in both themes, with its ends written beside it. */

const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

Atlas.colour = function (share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1), i = Math.min(Math.floor(place), STOPS.length - 2), t = place - i;
  const [r, g, b] = STOPS[i].map((low, k) => Math.round(low + t * (STOPS[i + 1][k] - low)));
  return `rgb(${r},${g},${b})`;
};

/* rows, columns: names; value(i, j): number or null; describe(i, j): text; open(i, j): when a cell is chosen. */
Atlas.heatmap = function (title, rows, columns, { value, describe, open, low = null, high = null, cell = null, groups = null }) {
  const longest = (names) => Math.min(26, Math.max(...names.map((name) => name.length))) * 6.4 + 14;
  const size = cell || Math.max(8, Math.min(34, Math.floor(720 / Math.max(columns.length, 1))));
  const left = longest(rows), above = longest(columns) * 0.75 + 6;
  const width = left + columns.length * size + 60, height = above + rows.length * size + 8;
  const known = [];
  for (let i = 0; i < rows.length; i++) for (let j = 0; j < columns.length; j++) { const v = value(i, j); if (v != null) known.push(v); }
  const from = low ?? Math.min(...known, 0), to = high ?? Math.max(...known, from + 1e-9);
  const text = (i, j) => `${rows[i]} against ${columns[j]}: ${describe ? describe(i, j) : Atlas.format(value(i, j))}`;
  const cells = [];
  let at = [0, 0];
  const cursor = h("rect", { class: "cursor", width: size, height: size, x: left, y: above, visibility: "hidden" });
  const said = h("p", { class: "unseen", "aria-live": "polite" });
  for (let i = 0; i < rows.length; i++) for (let j = 0; j < columns.length; j++) {
    const v = value(i, j);
    cells.push(h("rect", { x: left + j * size, y: above + i * size, width: size - 1, height: size - 1,
      class: v == null ? "cell undefined" : "cell", fill: v == null ? null : Atlas.colour((v - from) / (to - from || 1)),
      data: { i, j } }));
  }
  const labels = size < 11 ? (n, k) => k % Math.ceil(11 / size) === 0 : () => true;
  const names = [
    rows.map((name, i) => labels(name, i) ? h("text", { class: "tick", x: left - 6, y: above + (i + 0.5) * size + 4, "text-anchor": "end" }, Atlas.short(name, 26)) : null),
    columns.map((name, j) => labels(name, j) ? h("text", { class: "tick", transform: `translate(${left + (j + 0.5) * size + 4} ${above - 6}) rotate(-48)` }, Atlas.short(name, 26)) : null)];
  const svg = Atlas.chart(width, height, `${title}. ${open ? "Arrow keys move, Enter opens a cell." : ""}`, cells, names, groups ? groups(left, above, size) : null, cursor);
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "application");
  svg.classList.add("heatmap");
  const move = (i, j) => {
    at = [Math.min(Math.max(i, 0), rows.length - 1), Math.min(Math.max(j, 0), columns.length - 1)];
    cursor.setAttribute("x", left + at[1] * size - 0.5);
    cursor.setAttribute("y", above + at[0] * size - 0.5);
    cursor.setAttribute("visibility", "visible");
    said.textContent = text(...at);
  };
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (steps[event.key]) { event.preventDefault(); move(at[0] + steps[event.key][0], at[1] + steps[event.key][1]); }
    if (event.key === "Enter" && open) { event.preventDefault(); open(...at); }
  });
  svg.addEventListener("focus", () => move(...at));
  svg.addEventListener("blur", () => cursor.setAttribute("visibility", "hidden"));
  svg.addEventListener("mouseover", ({ target }) => { // before the page's tips look: texts of thousands of cells are made when asked for
    if (target.dataset.i != null && !target.dataset.tip) target.dataset.tip = text(Number(target.dataset.i), Number(target.dataset.j));
  });
  svg.addEventListener("click", (event) => {
    const { i, j } = event.target.dataset;
    if (i != null && open) { move(Number(i), Number(j)); open(Number(i), Number(j)); }
  });
  if (open) svg.classList.add("open");
  const scale = h("div", { class: "scale" }, h("span", {}, Atlas.format(from)), h("i", { "aria-hidden": "true", style: { background: `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(Atlas.colour).join(",")})` } }), h("span", {}, Atlas.format(to)), h("span", { class: "hatched" }, "undefined"));
  return h("div", { class: "matrix" }, h("div", { class: "scroll" }, svg), scale, said);
};
