"use strict";
/* A matrix of numbers as coloured cells: one stop of the Tab key, arrows move, Enter opens; what is undefined is hatched.
   The scale is viridis, light for large values in both themes, with its ends written beside it. Cells of one colour are one
   path, so that a matrix of ten thousand stands at once; where the pointer is tells which of them is meant. */

const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const SHADES = 100;

Atlas.colour = function (share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1), i = Math.min(Math.floor(place), STOPS.length - 2), t = place - i;
  const [r, g, b] = STOPS[i].map((low, k) => Math.round(low + t * (STOPS[i + 1][k] - low)));
  return `rgb(${r},${g},${b})`;
};

/* rows, columns: names; value(i, j): number or null; describe(i, j): text; open(i, j): when a cell is chosen. */
Atlas.heatmap = function (title, rows, columns, { value, describe, open, low = null, high = null, cell = null, groups = null }) {
  const longest = (names) => Math.min(26, Math.max(...names.map((name) => name.length))) * 6.4 + 14;
  const size = cell || Math.max(8, Math.min(34, Math.floor(720 / Math.max(columns.length, 1))));
  const left = Math.ceil(longest(rows)), above = Math.ceil(longest(columns) * 0.75 + 6);
  const width = left + columns.length * size + 60, height = above + rows.length * size + 8;
  const values = rows.map((_, i) => columns.map((__, j) => value(i, j)));
  let [least, most] = [0, -Infinity];
  for (const v of values.flat()) if (v != null) { if (v < least) least = v; if (v > most) most = v; }
  const from = low ?? least, to = high ?? Math.max(most, from + 1e-9);
  const text = (i, j) => `${rows[i]} against ${columns[j]}: ${describe ? describe(i, j) : Atlas.format(values[i][j])}`;
  const paths = new Map();
  values.forEach((own, i) => own.forEach((v, j) => {
    const shade = v == null ? null : Math.round(SHADES * Math.min(Math.max((v - from) / (to - from || 1), 0), 1));
    const path = `M${left + j * size} ${above + i * size}h${size - 1}v${size - 1}h${1 - size}z`;
    if (paths.has(shade)) paths.get(shade).push(path); else paths.set(shade, [path]);
  }));
  const cells = [...paths].map(([shade, own]) => h("path", { class: shade == null ? "cell undefined" : "cell", fill: shade == null ? null : Atlas.colour(shade / SHADES), d: own.join("") }));
  let at = [0, 0];
  const mark = (kind) => h("rect", { class: kind, width: size - 1, height: size - 1, visibility: "hidden" });
  const cursor = mark("cursor"), under = mark("under"), said = h("p", { class: "unseen", "aria-live": "polite" });
  const put = (element, [i, j]) => { element.setAttribute("x", left + j * size); element.setAttribute("y", above + i * size); element.setAttribute("visibility", "visible"); };
  const labels = size < 11 ? (n, k) => k % Math.ceil(11 / size) === 0 : () => true;
  const names = [
    rows.map((name, i) => labels(name, i) ? h("text", { class: "tick", x: left - 6, y: above + (i + 0.5) * size + 4, "text-anchor": "end" }, Atlas.short(name, 26)) : null),
    columns.map((name, j) => labels(name, j) ? h("text", { class: "tick", transform: `translate(${left + (j + 0.5) * size + 4} ${above - 6}) rotate(-48)` }, Atlas.short(name, 26)) : null)];
  const svg = Atlas.chart(width, height, `${title}. ${open ? "Arrow keys move, Enter opens a cell." : ""}`, cells, names, groups ? groups(left, above, size) : null, under, cursor);
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "application");
  svg.classList.add("heatmap");
  const move = (i, j) => {
    at = [Math.min(Math.max(i, 0), rows.length - 1), Math.min(Math.max(j, 0), columns.length - 1)];
    put(cursor, at);
    said.textContent = text(...at);
  };
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (steps[event.key]) { event.preventDefault(); move(at[0] + steps[event.key][0], at[1] + steps[event.key][1]); }
    if (event.key === "Enter" && open) { event.preventDefault(); open(...at); }
  });
  svg.addEventListener("focus", () => move(...at));
  svg.addEventListener("blur", () => cursor.setAttribute("visibility", "hidden"));
  const cellOf = (event) => {
    const box = svg.getBoundingClientRect(), scale = width / box.width;
    const i = Math.floor(((event.clientY - box.top) * scale - above) / size), j = Math.floor(((event.clientX - box.left) * scale - left) / size);
    return i >= 0 && i < rows.length && j >= 0 && j < columns.length ? [i, j] : null;
  };
  let shown = "";
  const leave = () => { shown = ""; under.setAttribute("visibility", "hidden"); Atlas.tip(null); };
  svg.addEventListener("mousemove", (event) => {
    const found = cellOf(event);
    if (!found) { if (shown) leave(); return; }
    if (String(found) === shown) return;
    shown = String(found);
    put(under, found);
    under.dataset.tip = text(...found);
    Atlas.tip(under);
  });
  svg.addEventListener("mouseleave", leave);
  svg.addEventListener("click", (event) => {
    const found = cellOf(event);
    if (found && open) { move(...found); open(...found); }
  });
  if (open) svg.classList.add("open");
  const scale = h("div", { class: "scale" }, h("span", {}, Atlas.format(from)), h("i", { "aria-hidden": "true", style: { background: `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(Atlas.colour).join(",")})` } }), h("span", {}, Atlas.format(to)), h("span", { class: "hatched" }, "undefined"));
  return h("div", { class: "matrix" }, h("div", { class: "scroll" }, svg), scale, said);
};
