"use strict";
/* A model: its layers, its detectors by category against depth, what sets it apart. */

Atlas.view("model", async function ([dataset, model]) {
  const layers = Atlas.overview.layers.filter((l) => l.dataset === dataset && l.model === model);
  if (!layers.length) Atlas.fail(`This study has no model ${model} on ${dataset}.`);
  const row = Atlas.overview.models.find((m) => m.model === model);
  const tables = Atlas.overview.datasets.find((d) => d.dataset === dataset).tables;
  const body = [h("h1", {}, model), Atlas.card("About", Atlas.facts([["architecture", row.architecture], ["source", row.source],
    ["weights", row.weights === "random" ? "random" : row.weights ? "from a file" : "of the source"], ["twin", row.twin_of ? `${row.twin_role} of ${row.twin_of}` : ""], ["supervision", row.supervision], ["data set", h("a", { href: Atlas.to("dataset", dataset) }, dataset)]]))];
  const t = tables.includes("dissection_summary") ? await Atlas.table(`study/${dataset}/dissection_summary`) : null;
  const layerCard = Atlas.card("Layers", Atlas.rows("Layers of the model, first to last", ["Layer", "Module", "Depth", "Units", "Map", "Detectors", "Most detected"], layers.map((l) => [
    h("a", { href: Atlas.to("layer", dataset, model, l.layer) }, l.layer), h("code", {}, l.module), Atlas.format(l.depth), l.n_units, `${l.height} × ${l.width}`,
    detectorCount(t, l), l.most ? Atlas.linkConcept(dataset, l.most) : "–"]), { right: [2, 3, 5] }));
  body.push(h("div", { class: "columns" }, layerCard, tables.includes("dissection_summary") ? await byCategory(dataset, model, layers) : null));
  body.push(await special(dataset, model, layers, tables));
  const linked = Atlas.overview.linked.filter((one) => one.dataset === dataset && one.model === model);
  if (linked.length) body.push(Atlas.card("Through a generator", h("ul", {}, linked.map(({ generator, tables: own }) => h("li", {}, h("a", { href: Atlas.to("linked", dataset, model, generator) }, `Link to ${generator}`),
    `: its quality${own.includes("rates") ? ", counterfactuals" : ""}${own.includes("effects") ? ", what units change in pictures" : ""}`)))));
  body.push(await Atlas.figures((group, figure) => group.model === model && !figure.layer && !figure.concept && (group.dataset === dataset || (group.generator && linked.some((one) => one.generator === group.generator)))));
  return { title: model, crumbs: [[dataset, Atlas.to("dataset", dataset)]], body };
});

/* Detectors of a layer with their interval, from the joined table. */
function detectorCount(t, { model, layer, detectors }) {
  if (detectors == null) return "–";
  const row = t && t.where({ model, layer, quantity: "detectors", category: "", tau: Atlas.overview.tau })[0];
  return row == null ? String(detectors) : Atlas.cell(t, row, "value", { low: "ci_low", high: "ci_high", chance: "null_high", interval: true });
}

async function byCategory(dataset, model, layers) {
  const t = await Atlas.table(`study/${dataset}/dissection_summary`);
  const rows = t.where({ model, quantity: "detectors", tau: Atlas.overview.tau });
  const series = Atlas.CATEGORIES.map((category) => ({
    name: category, category,
    points: layers.map((l, x) => {
      const r = rows.find((one) => t.value(one, "layer") === l.layer && t.value(one, "category") === category);
      if (r == null) return { x, y: null };
      const [y, low, high] = ["value", "ci_low", "ci_high"].map((c) => t.value(r, c));
      return { x, y, low, high, href: `${Atlas.to("layer", dataset, model, l.layer)}?category=${category}`, tip: `${l.layer}: ${Atlas.format(y)} ${category} detectors, interval ${Atlas.format(low)} to ${Atlas.format(high)}` };
    }) })).filter((s) => s.points.some((p) => p.y));
  if (!series.length) return null;
  return Atlas.card("Detectors by category against depth", Atlas.lines("Detectors by category against depth", series, { names: layers.map((l) => l.layer), xlabel: "layer", ylabel: "detectors" }),
    h("p", { class: "note" }, "Lines: intervals over resampled blocks of images."));
}

/* What only this model has: concepts found here and matched nowhere else, labels no other model's units carry. */
async function special(dataset, model, layers, tables) {
  const search = await Atlas.load("study/search");
  const own = new Set(), other = new Set();
  const rank = new Map();
  Atlas.overview.layers.forEach((l, i) => {
    if (l.dataset !== dataset) return;
    for (const code of search.layers[i]) {
      (l.model === model ? own : other).add(code);
      if (l.model === model) rank.set(code, (rank.get(code) || 0) + 1);
    }
  });
  const only = [...own].filter((code) => !other.has(code)).map((code) => search.words[code]).filter((word) => word && word !== "null");
  const parts = [];
  if (own.size) parts.push(h("p", {}, only.length ? ["Labels that units of no other model carry: ", only.slice(0, 20).map((word, i) => [i ? ", " : "", Atlas.linkConcept(dataset, word)]), only.length > 20 ? ` and ${only.length - 20} more` : "", "."] : "Every label of its units occurs in another model too."));
  if (tables.includes("similarity_summary")) {
    const t = await Atlas.table(`study/${dataset}/similarity_summary`);
    const rows = t.rows((r) => t.value(r, "fact") === "only_in_one" && t.value(r, "model_a") === model);
    if (rows.length) {
      const others = [...new Set(rows.map((r) => t.value(r, "model_b")))];
      parts.push(h("ul", {}, others.map((b) => h("li", {}, `${rows.filter((r) => t.value(r, "model_b") === b).length} of its concepts have no match above chance in ${b} (`, h("a", { href: `${Atlas.to("compare", dataset)}?only=${encodeURIComponent(model)}~${encodeURIComponent(b)}` }, "which"), ")."))));
    }
  }
  parts.push(Atlas.acrossNote({ dataset, model }));
  return parts.some(Boolean) ? Atlas.card("What is special about it", parts) : null;
}
