"use strict";
/* The study: what there is, what was found, what to be careful about. */

Atlas.view("study", async function () {
  const { study, datasets, models, layers, warnings } = Atlas.overview;
  const units = layers.reduce((sum, layer) => sum + layer.n_units, 0);
  const detectors = layers.reduce((sum, layer) => sum + (layer.detectors || 0), 0);
  const body = [
    h("div", { class: "hero" }, h("h1", {}, study),
      h("p", { class: "lead" }, "Which concepts do these models encode, where, how robustly, and how do the models compare?"),
      h("ul", { class: "counts" }, [["data sets", datasets.length], ["images", datasets.reduce((n, d) => n + d.n_valid, 0)], ["models", models.length], ["layers", layers.length], ["units", units], ["detectors", detectors]]
        .map(([name, n]) => h("li", {}, h("b", {}, Atlas.format(n)), ` ${n === 1 ? name.slice(0, -1) : name}`)))),
  ];
  for (const dataset of datasets) body.push(await showpieces(dataset)); // readers look before they read
  for (const dataset of datasets) body.push(await findings(dataset));
  body.push(await betweenDatasets());
  const summaries = new Map(await Promise.all(datasets.filter((d) => d.tables.includes("dissection_summary")).map(async ({ dataset }) => [dataset, await Atlas.table(`study/${dataset}/dissection_summary`)])));
  body.push(Atlas.card("Models", modelTable(models, layers, summaries)));
  for (const dataset of datasets) body.push(await detectorChart(dataset));
  body.push(await Atlas.figures((group) => !group.model && group.method !== "datasets" && group.method !== "similarity", { title: "Figures over all models", fold: true, heading: (group) => `${Atlas.methodName(group.method)}${datasets.length > 1 ? ` on ${group.dataset}` : ""}` }));
  body.push(warningCard(warnings), Atlas.card("Data sets", h("ul", { class: "plain" }, datasets.map((d) => h("li", {},
    h("a", { href: Atlas.to("dataset", d.dataset) }, d.dataset), ` – ${Atlas.format(d.n_valid)} images, ${Atlas.format(d.n_concepts)} concepts (${d.format})`)))));
  return { title: "Study", body };
});

/* The best unit of every concept, the best first: something to look at. */
async function showpieces({ dataset }) {
  const concepts = await Atlas.load(`study/${dataset}/concepts`);
  const best = concepts.filter((c) => c.best && c.best[7]).sort((a, b) => b.best[3] - a.best[3]).slice(0, 10);
  if (!best.length) return null;
  return Atlas.card(`Clearest detectors${Atlas.overview.datasets.length > 1 ? ` on ${dataset}` : ""}`, h("ul", { class: "strips" }, best.map((c) => {
    const place = Atlas.overview.layers[c.best[0]], unit = c.best[1];
    return h("li", {}, h("a", { class: "unit", href: Atlas.to("unit", place.dataset, place.model, place.layer, unit) }, Atlas.thumbnails(place, unit),
      h("span", { class: "line" }, Atlas.category(c.category, { words: false }), h("b", {}, c.name), h("span", {}, `IoU ${Atlas.format(c.best[3], { digits: 2 })}`)),
      h("span", { class: "line quiet" }, `${place.model} ${place.layer} unit ${unit}`)));
  })));
}

function modelTable(models, layers, summaries) {
  const several = Atlas.overview.datasets.length > 1;
  const rows = models.flatMap((model) => [...new Set(layers.filter((l) => l.model === model.model).map((l) => l.dataset))].map((dataset) => {
    const own = layers.filter((l) => l.model === model.model && l.dataset === dataset);
    const best = own.filter((l) => l.detectors != null).sort((a, b) => b.detectors - a.detectors)[0];
    return [h("a", { href: Atlas.to("model", dataset, model.model) }, model.model), ...(several ? [dataset] : []),
      model.weights === "random" ? `${model.architecture}, random` : model.architecture,
      model.twin_of ? `${model.twin_role} of ${model.twin_of}` : "–", own.length, own.reduce((n, l) => n + l.n_units, 0),
      best ? h("span", {}, detectorCount(summaries.get(dataset), best), ` of ${best.n_units} in `, h("a", { href: Atlas.to("layer", dataset, model.model, best.layer) }, best.layer)) : "–"];
  }));
  return Atlas.rows("Models of the study", ["Model", ...(several ? ["Data set"] : []), "Architecture", "Twin", "Layers", "Units", "Most detectors"], rows, { right: several ? [4, 5] : [3, 4] });
}

async function detectorChart({ dataset, tables }) {
  if (!tables.includes("dissection_summary")) return null;
  const t = await Atlas.table(`study/${dataset}/dissection_summary`);
  const rows = mainRows(t, "unique_best_label").map((row) => ({
    text: `${t.value(row, "model")} ${t.value(row, "layer")}`, value: t.value(row, "value"), low: t.value(row, "ci_low"), high: t.value(row, "ci_high"),
    chance: t.value(row, "null_high"), href: Atlas.to("layer", dataset, t.value(row, "model"), t.value(row, "layer")) }));
  return Atlas.card(`Concepts detected, by layer (${dataset})`,
    h("div", { class: "beside" }, Atlas.dots("Concepts detected by layer", rows, { unit: "different concepts among the detectors' labels", width: 760 }), h("p", { class: "note" }, "Dot: value; line: interval over resampled blocks of images; small mark: 95 % point with permuted labels. ",
      h("a", { href: `#/table/study/${encodeURIComponent(dataset)}/dissection_summary` }, "All numbers"))));
}

function warningCard(warnings) {
  const kinds = [...new Set(warnings.map((w) => w.kind))];
  return Atlas.card("Warnings", warnings.length ? kinds.map((kind) => {
    const own = warnings.filter((w) => w.kind === kind);
    return h("details", { class: "warning", open: own.length <= 3 }, h("summary", {}, `${kind} (${own.length})`),
      h("ul", {}, own.map((w) => h("li", {}, w.link ? h("a", { href: w.link }, w.text) : w.text))));
  }) : h("p", {}, "No dead units, undefined pairs, quarantined images or failed jobs."));
}
