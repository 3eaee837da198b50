"use strict";
/* Charts as SVG, drawn here: dots with intervals, lines, bars. Each has a title for readers of the screen; what can be
   followed is a link. Colours come from the style sheet, so that both themes have their own. */

Atlas.ticks = function (low, high, n = 5) {
  if (!(high > low)) high = low + 1;
  const rough = (high - low) / n, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
};

Atlas.chart = function (width, height, title, ...children) {
  return h("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": title }, children);
};

function linkTo(href, ...children) {
  if (href && href.name) { const [link] = [linkTo(href.href, ...children)]; if (href.href) link.setAttribute("aria-label", href.name); return link; }
  if (!href) return h("g", {}, children);
  const link = document.createElementNS("http://www.w3.org/2000/svg", "a");
  link.setAttribute("href", Atlas.safe(href));
  for (const child of children.flat()) if (child) link.append(child);
  return link;
}

/* rows: {text, href, value, low, high, chance, ceiling, category, tip}. A dot a row, its interval, chance as a small mark,
   what could be reached as a bar (`marks.ceiling` names it otherwise). */
Atlas.dots = function (title, rows, { unit = "", from = 0, to = null, width = 640, labels = 190, threshold = null } = {}) {
  const line = 22, top = 8, bottom = 40, height = top + rows.length * line + bottom, right = 24;
  const largest = Math.max(...rows.flatMap((r) => [r.value, r.high, r.chance, r.ceiling, threshold]).filter((v) => v != null), from + 1e-9);
  const smallest = Math.min(from, ...rows.flatMap((r) => [r.value, r.low, r.chance]).filter((v) => v != null));
  const ticks = Atlas.ticks(smallest, to ?? largest);
  const end = Math.max(to ?? largest, ticks[ticks.length - 1]);
  const x = (v) => labels + ((v - smallest) / (end - smallest)) * (width - labels - right);
  const parts = ticks.map((t) => h("g", {}, h("line", { class: "grid", x1: x(t), x2: x(t), y1: top, y2: height - bottom }),
    h("text", { class: "tick", x: x(t), y: height - bottom + 16, "text-anchor": "middle" }, Atlas.format(t))));
  rows.forEach((row, i) => {
    const y = top + (i + 0.5) * line;
    const mark = row.value == null ? [h("text", { class: "tick", x: x(smallest) + 6, y: y + 4 }, row.why || "undefined")] : [
      row.low != null && row.high != null ? h("line", { class: "interval", x1: x(row.low), x2: x(row.high), y1: y, y2: y }) : null,
      row.chance != null ? h("line", { class: "chance", x1: x(row.chance), x2: x(row.chance), y1: y - 6, y2: y + 6 }) : null,
      row.ceiling != null ? h("line", { class: "ceiling", x1: x(row.ceiling), x2: x(row.ceiling), y1: y - 8, y2: y + 8 }) : null,
      h("circle", { class: "dot", cx: x(row.value), cy: y, r: 4.5, data: { category: row.category || "" } })];
    const tip = row.value == null ? "" : `${row.text}: ${Atlas.format(row.value)}${row.low != null ? `, interval ${Atlas.format(row.low)} to ${Atlas.format(row.high)}` : ""}${row.chance != null ? `; by chance ${Atlas.format(row.chance)}` : ""}${row.ceiling != null ? `; ${row.marks ? row.marks.ceiling : "ceiling"} ${Atlas.format(row.ceiling)}` : ""}`;
    parts.push(linkTo(row.href, h("text", { class: "name", x: labels - 10, y: y + 4, "text-anchor": "end" }, Atlas.short(row.text, 28)),
      mark.filter(Boolean), h("rect", { class: "hit", x: 0, y: y - line / 2, width, height: line, data: { tip } })));
  });
  if (threshold != null) parts.unshift(h("line", { class: "threshold", x1: x(threshold), x2: x(threshold), y1: top, y2: height - bottom }));
  parts.push(h("text", { class: "axis", x: labels + (width - labels - right) / 2, y: height - 6, "text-anchor": "middle" }, unit));
  return Atlas.chart(width, height, title, parts);
};

Atlas.short = function (text, n) { return text.length > n ? text.slice(0, n - 1) + "…" : text; };

/* series: {name, category, points: [{x, y, low, high, tip}]} over named places or numbers. */
Atlas.lines = function (title, series, { names = null, xlabel = "", ylabel = "", width = 640, height = 300, top = null } = {}) {
  const left = 56, right = 150, above = 12, below = 52;
  const xs = series.flatMap((s) => s.points.map((p) => p.x));
  const ys = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.high])).filter((v) => v != null);
  const [x0, x1] = names ? [-0.3, names.length - 0.7] : [Math.min(...xs), Math.max(...xs)];
  const ticks = Atlas.ticks(Math.min(0, ...ys), top ?? Math.max(...ys, 1e-9)), y0 = Math.min(0, ...ys);
  const y1 = Math.max(top ?? 0, ticks[ticks.length - 1], ...ys);
  const x = (v) => left + (x1 > x0 ? (v - x0) / (x1 - x0) : 0.5) * (width - left - right);
  const y = (v) => height - below - ((v - y0) / (y1 - y0 || 1)) * (height - above - below);
  const parts = ticks.map((t) => h("g", {}, h("line", { class: "grid", x1: left, x2: width - right, y1: y(t), y2: y(t) }),
    h("text", { class: "tick", x: left - 8, y: y(t) + 4, "text-anchor": "end" }, Atlas.format(t))));
  const places = names ? names.map((n, i) => [i, n]) : [...new Set(xs)].sort((a, b) => a - b).map((v) => [v, Atlas.format(v)]);
  for (const [v, text] of places) parts.push(h("text", { class: "tick", x: x(v), y: height - below + 18, "text-anchor": "middle" }, Atlas.short(text, 14)));
  series.forEach((s, i) => {
    const known = s.points.filter((p) => p.y != null);
    const colour = { category: s.category || "", series: s.category ? "" : i % 7 };
    parts.push(h("g", { class: "series", data: colour },
      h("polyline", { points: known.map((p) => `${x(p.x)},${y(p.y)}`).join(" ") }),
      known.map((p) => p.low != null ? h("line", { class: "interval", x1: x(p.x), x2: x(p.x), y1: y(p.low), y2: y(p.high) }) : null),
      known.map((p) => linkTo({ href: p.href, name: p.tip || s.name }, h("circle", { class: "dot", cx: x(p.x), cy: y(p.y), r: 4.5, data: { tip: p.tip || `${s.name}: ${Atlas.format(p.y)}` } }))),
      h("circle", { class: "dot", cx: width - right + 18, cy: above + 8 + i * 18, r: 4.5 }),
      h("text", { class: "name", x: width - right + 28, y: above + 12 + i * 18 }, Atlas.short(s.name, 18))));
  });
  parts.push(h("text", { class: "axis", x: left + (width - left - right) / 2, y: height - 8, "text-anchor": "middle" }, xlabel),
    h("text", { class: "axis", transform: `translate(14 ${above + (height - above - below) / 2}) rotate(-90)`, "text-anchor": "middle" }, ylabel));
  return Atlas.chart(width, height, title, parts);
};

/* Counts over equal bins from low to high, heights logarithmic; a line at the threshold, what lies above it marked. */
Atlas.histogram = function (title, { low, high, counts }, threshold, { xlabel = "activation", width = 560, height = 220 } = {}) {
  const left = 56, right = 12, above = 14, below = 42;
  const most = Math.max(...counts, 1), step = (high - low) / counts.length || 1;
  const x = (v) => left + ((v - low) / (high - low || 1)) * (width - left - right);
  const y = (n) => height - below - (Math.log10(n + 1) / Math.log10(most + 1)) * (height - above - below);
  const parts = [];
  for (let n = 1; n <= most; n *= 10) parts.push(h("line", { class: "grid", x1: left, x2: width - right, y1: y(n), y2: y(n) }),
    h("text", { class: "tick", x: left - 8, y: y(n) + 4, "text-anchor": "end" }, n.toLocaleString("en")));
  counts.forEach((n, i) => {
    const from = low + i * step;
    parts.push(h("rect", { class: from + step > threshold ? "bar active" : "bar", x: x(from) + 0.5, width: Math.max(1, x(from + step) - x(from) - 1), y: y(n), height: height - below - y(n), data: { tip: `${Atlas.format(from)} to ${Atlas.format(from + step)}: ${n.toLocaleString("en")} values` } }));
  });
  for (const t of Atlas.ticks(low, high)) parts.push(h("text", { class: "tick", x: x(t), y: height - below + 16, "text-anchor": "middle" }, Atlas.format(t)));
  if (threshold != null && threshold >= low && threshold <= high) parts.push(
    h("line", { class: "threshold", x1: x(threshold), x2: x(threshold), y1: above - 4, y2: height - below }),
    h("text", { class: "name", x: x(threshold) + (x(threshold) > width - 90 ? -6 : 6), y: above + 6, "text-anchor": x(threshold) > width - 90 ? "end" : "start" }, `T = ${Atlas.format(threshold)}`));
  parts.push(h("text", { class: "axis", x: left + (width - left - right) / 2, y: height - 6, "text-anchor": "middle" }, xlabel));
  return Atlas.chart(width, height, title, parts);
};

/* rows: {text, value, href, category, tip, negative}: horizontal bars, negative ones to the left of zero. */
Atlas.bars = function (title, rows, { unit = "", width = 560, labels = 150 } = {}) {
  const line = 20, top = 4, bottom = 36, right = 44, height = top + rows.length * line + bottom;
  const low = Math.min(0, ...rows.map((r) => r.value || 0)), high = Math.max(0, ...rows.map((r) => r.value || 0));
  const x = (v) => labels + ((v - low) / (high - low || 1)) * (width - labels - right);
  const parts = [];
  rows.forEach((row, i) => {
    const y = top + i * line, value = row.value || 0;
    parts.push(linkTo(row.href, h("text", { class: "name", x: labels - 8, y: y + 14, "text-anchor": "end" }, Atlas.short(row.text, 22)),
      h("rect", { class: "bar", data: { category: row.category || "" }, x: Math.min(x(0), x(value)), y: y + 3, width: Math.max(1, Math.abs(x(value) - x(0))), height: line - 6 }),
      h("text", { class: "tick", x: Math.max(x(0), x(value)) + 5, y: y + 14 }, Atlas.format(row.value)),
      h("rect", { class: "hit", x: 0, y, width, height: line, data: { tip: row.tip || `${row.text}: ${Atlas.format(row.value)}` } })));
  });
  parts.push(h("line", { class: "zero", x1: x(0), x2: x(0), y1: top, y2: height - bottom }),
    h("text", { class: "axis", x: labels + (width - labels - right) / 2, y: height - 8, "text-anchor": "middle" }, unit));
  return Atlas.chart(width, height, title, parts);
};
