"use strict";
/* A layer: all its units as a grid that filters and sorts; the state of both is part of the address. */

const SORTS = {
  iou: ["IoU, largest first", (t, a, b) => (t.value(b, "iou_category") ?? -1) - (t.value(a, "iou_category") ?? -1)],
  unit: ["unit", (t, a, b) => t.value(a, "unit") - t.value(b, "unit")],
  label: ["label", (t, a, b) => String(t.value(a, "concept")).localeCompare(String(t.value(b, "concept"))) || (t.value(b, "iou_category") ?? -1) - (t.value(a, "iou_category") ?? -1)],
  p: ["p, smallest first", (t, a, b) => (t.value(a, "p") ?? 2) - (t.value(b, "p") ?? 2)],
  stability: ["cross-fitted IoU, largest first", (t, a, b) => (t.value(b, "iou_cross_fitted") ?? -1) - (t.value(a, "iou_cross_fitted") ?? -1)],
};

Atlas.view("layer", async function ([dataset, model, layer], query) {
  const place = Atlas.place(dataset, model, layer);
  const title = `${model} ${layer}`, crumbs = [[dataset, Atlas.to("dataset", dataset)], [model, Atlas.to("model", dataset, model)]];
  const all = Atlas.overview.layers.filter((l) => l.dataset === dataset && l.model === model);
  const at = all.indexOf(place);
  const head = h("div", { class: "head" }, h("h1", {}, title), h("p", { class: "steps" }, [all[at - 1], all[at + 1]].map((l, i) => l ? h("a", { href: Atlas.to("layer", dataset, model, l.layer) }, i ? `${l.layer} →` : `← ${l.layer}`) : null)));
  const states = Object.entries(place.states).filter(([state, n]) => n && state !== "live").map(([state, n]) => `${n} ${state}`).join(", ");
  const facts = Atlas.facts([["module", h("code", {}, place.module)], ["units", place.n_units], ["not live", states], ["map", `${place.height} × ${place.width}`], ["depth", Atlas.format(place.depth)], ["detectors", place.detectors], ["significant", place.significant]]);
  const body = [head], figures = await Atlas.figures((group, figure) => group.dataset === dataset && group.model === model && figure.layer === layer, { fold: true, place: false });
  if (!place.results.includes("units")) {
    const grid = Atlas.grid(`Units of ${title}`, (unit) => h("a", { class: "unit", href: Atlas.to("unit", dataset, model, layer, unit) }, Atlas.thumbnails(place, unit), h("span", { class: "line" }, h("b", {}, `unit ${unit}`))), cardSize(place, 34));
    body.push(Atlas.card("About the layer", facts, h("p", { class: "note" }, "The units of this layer were not dissected: they have no labels from masks."), foundLink(place)), figures, grid.list);
    return { title, crumbs, body, after: () => grid.show(Array.from({ length: place.n_units }, (_, unit) => unit)) };
  }
  const t = await Atlas.table(Atlas.key(place, "units"));
  const { controls, grid, after } = unitGrid(place, t, query);
  const tables = ["units", "labels", "summary", "robustness", "robustness_summary", "principal", "segmentation", "classification", "neighbours", "discovered", "profiles"].filter((name) => place.results.includes(name))
    .concat(place.results.filter((name) => ["wording", "wordings", "wording_summary", "explained", "spoken"].includes(name.split(":")[0])).map((name) => name.replace(":", "@")));
  body.push(h("div", { class: "columns" }, labelChart(place, t), Atlas.card("About the layer", facts, foundLink(place), h("h3", {}, "Tables"), h("ul", { class: "plain inline" }, tables.map((name) => h("li", {}, h("a", { href: Atlas.to("table", "models", dataset, model, layer, name) }, name.replaceAll("_", " "))))))), figures, controls, grid);
  return { title, crumbs, body, after };
});

function foundLink(place) {
  if (!place.results.includes("discovered")) return null;
  return h("p", {}, h("a", { href: Atlas.to("found", place.dataset, place.model, place.layer) }, "Concepts found in this layer without labels"), ", with pictures. ", Atlas.acrossLinks(place).map((link, i) => [i ? ", " : "Compared between data sets: ", link]));
}

function labelChart(place, t) {
  const counts = new Map();
  for (const row of t.where({ is_detector: 1 })) {
    const concept = t.value(row, "concept");
    const own = counts.get(concept) || { n: 0, category: t.value(row, "category") };
    own.n++;
    counts.set(concept, own);
  }
  const rows = [...counts].sort((a, b) => b[1].n - a[1].n).slice(0, 10);
  if (!rows.length) return Atlas.card("Labels", h("p", {}, "No unit of this layer is a detector."));
  const base = Atlas.to("layer", place.dataset, place.model, place.layer);
  return Atlas.card("Labels of the detectors", Atlas.bars("Labels of the detectors", rows.map(([concept, own]) => ({
    text: concept, value: own.n, category: own.category, href: `${base}?label=${encodeURIComponent(concept)}`, tip: `${concept}: ${own.n} detectors` })), { unit: "detectors", width: 460 }),
  counts.size > rows.length ? h("p", { class: "note" }, `${counts.size - rows.length} more labels`) : null);
}

/* Size of a unit's card: its thumbnails and the lines of text below. */
function cardSize(place, text) {
  const [n, size] = place.thumbnails || [0, 0];
  return { width: (place.n_sheets ? n * size : 176) + 12, height: (place.n_sheets ? size : 0) + text };
}

function unitGrid(place, t, query) {
  const make = (row) => {
    const unit = t.value(row, "unit"), concept = t.value(row, "concept"), live = t.value(row, "state") === "live";
    return h("a", { class: "unit", href: Atlas.to("unit", place.dataset, place.model, place.layer, unit) },
      Atlas.thumbnails(place, unit),
      h("span", { class: "line" }, Atlas.category(t.value(row, "category"), { words: false }), h("b", {}, Atlas.short(concept || "no label", 18)), h("span", { class: "quiet" }, String(unit))),
      h("span", { class: "line" }, h("span", {}, live ? `IoU ${Atlas.format(t.value(row, "iou_category"), { digits: 2 })}` : t.value(row, "state")),
        t.value(row, "is_significant") ? h("span", { class: "badge" }, "detector") : t.value(row, "is_detector") ? h("span", { class: "badge weak" }, "not significant") : null));
  };
  const grid = Atlas.grid(`Units of ${place.model} ${place.layer}`, make, cardSize(place, 58));
  const field = (name, element) => h("label", {}, h("span", {}, name), element);
  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);
  const label = h("input", { type: "search", value: query.get("label") || "", placeholder: "part of a label or a unit" });
  const category = h("select", {}, option("", "all", ""), Atlas.CATEGORIES.map((c) => option(c, c, query.get("category"))));
  const show = h("select", {}, ["all units", "detectors", "significant detectors", "confounded", "without label"].map((s) => option(s, s, query.get("show"))));
  const sort = h("select", {}, Object.entries(SORTS).map(([key, [text]]) => option(key, text, query.get("sort"))));
  const count = h("p", { class: "count", role: "status" });
  const wanted = () => {
    const part = label.value.trim().toLowerCase();
    return t.rows((row) => {
      const concept = String(t.value(row, "concept") ?? "").toLowerCase();
      if (part && !(concept.includes(part) || String(t.value(row, "unit")) === part)) return false;
      if (category.value && t.value(row, "category") !== category.value) return false;
      if (show.value === "detectors") return t.value(row, "is_detector") === 1;
      if (show.value === "significant detectors") return t.value(row, "is_significant") === 1;
      if (show.value === "confounded") return t.value(row, "is_detector") === 1 && t.value(row, "is_confounded") === 1;
      if (show.value === "without label") return !t.value(row, "concept");
      return true;
    }).sort((a, b) => SORTS[sort.value][1](t, a, b));
  };
  const update = () => {
    const rows = wanted();
    grid.show(rows);
    count.textContent = `${rows.length} of ${t.n} units`;
    Atlas.remember({ label: label.value.trim(), category: category.value, show: show.value === "all units" ? "" : show.value, sort: sort.value === "iou" ? "" : sort.value });
  };
  for (const control of [label, category, show, sort]) control.addEventListener("input", update);
  const controls = h("form", { class: "controls", "aria-label": "Filter and sort units", on: { submit: (event) => event.preventDefault() } },
    field("Label", label), field("Category", category), field("Show", show), field("Sort by", sort), count);
  return { controls, grid: grid.list, after: update };
}
