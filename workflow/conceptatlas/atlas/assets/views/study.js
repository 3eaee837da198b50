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
  for (const dataset of datasets) body.push(await findings(dataset));
  body.push(await betweenDatasets());
  for (const dataset of datasets) body.push(await showpieces(dataset));
  body.push(Atlas.card("Models", modelTable(models, layers)));
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

function modelTable(models, layers) {
  const several = Atlas.overview.datasets.length > 1;
  const rows = models.flatMap((model) => [...new Set(layers.filter((l) => l.model === model.model).map((l) => l.dataset))].map((dataset) => {
    const own = layers.filter((l) => l.model === model.model && l.dataset === dataset);
    const best = own.filter((l) => l.detectors != null).sort((a, b) => b.detectors - a.detectors)[0];
    return [h("a", { href: Atlas.to("model", dataset, model.model) }, model.model), ...(several ? [dataset] : []),
      model.weights === "random" ? `${model.architecture}, random` : model.architecture,
      model.twin_of ? `${model.twin_role} of ${model.twin_of}` : "–", own.length, own.reduce((n, l) => n + l.n_units, 0),
      best ? h("span", {}, `${best.detectors} of ${best.n_units} in `, h("a", { href: Atlas.to("layer", dataset, model.model, best.layer) }, best.layer)) : "–"];
  }));
  return Atlas.rows("Models of the study", ["Model", ...(several ? ["Data set"] : []), "Architecture", "Twin", "Layers", "Units", "Most detectors"], rows, { right: several ? [4, 5] : [3, 4] });
}

/* Sentences made from the joined tables; each number leads to its row. */
async function findings({ dataset, tables }) {
  const found = [];
  const has = (name) => tables.includes(name);
  if (has("dissection_summary")) found.push(...await detectorFindings(dataset));
  if (has("rotation_summary")) found.push(...await rotationFindings(dataset));
  if (has("net2vec_summary")) found.push(...await learnedFindings(dataset));
  if (has("similarity_summary")) found.push(...await similarityFindings(dataset));
  if (!found.length) return null;
  const more = Atlas.overview.datasets.length > 1 ? ` on ${dataset}` : "";
  return Atlas.card("Headline findings" + more, h("ul", { class: "findings" }, found.map(([title, method, ...text]) =>
    h("li", {}, h("h3", {}, title), h("p", {}, text), h("a", { class: "quiet", href: Atlas.to("method", method) }, "definition")))));
}

const place = (dataset, model, layer) => h("a", { href: Atlas.to("layer", dataset, model, layer) }, `${model} ${layer}`);

function mainRows(t, quantity) {
  return t.where({ quantity, category: "", tau: Atlas.overview.tau });
}

async function detectorFindings(dataset) {
  const t = await Atlas.table(`study/${dataset}/dissection_summary`);
  const best = (quantity) => mainRows(t, quantity).sort((a, b) => t.value(b, "value") - t.value(a, "value"))[0];
  const found = [], ends = { low: "ci_low", high: "ci_high", chance: "null_high", interval: true };
  const row = best("detectors");
  if (row != null) found.push(["Most detectors", "dissection", place(dataset, t.value(row, "model"), t.value(row, "layer")), ": ",
    Atlas.cell(t, row, "value", ends), ` of ${t.value(row, "n_units")} units detect a concept; permuted labels give `, Atlas.cell(t, row, "null_mean"), "."]);
  const unique = best("unique_best_label");
  if (unique != null) found.push(["Most concepts", "dissection", place(dataset, t.value(unique, "model"), t.value(unique, "layer")), ": detectors of ",
    Atlas.cell(t, unique, "value", ends), " different concepts."]);
  return found;
}

async function rotationFindings(dataset) {
  const t = await Atlas.table(`study/${dataset}/rotation_summary`);
  const found = [];
  const rows = t.where({ quantity: "unique_best_label", category: "" });
  for (const key of new Set(rows.map((r) => `${t.value(r, "model")}\n${t.value(r, "layer")}`))) {
    const [model, layer] = key.split("\n");
    const own = rows.filter((r) => t.value(r, "model") === model && t.value(r, "layer") === layer).sort((a, b) => t.value(a, "alpha") - t.value(b, "alpha"));
    const [from, to] = [own[0], own[own.length - 1]];
    if (own.length > 1 && t.value(from, "mean") >= 5) found.push(["Do axes matter?", "rotation", place(dataset, model, layer), ": turning the basis takes the concepts detected from ",
      Atlas.cell(t, from, "mean"), " to ", Atlas.cell(t, to, "mean"), ` (${t.value(to, "minimum")} to ${t.value(to, "maximum")} over ${t.value(to, "n_rotations")} rotations).`]);
  }
  return found.slice(0, 2);
}

async function learnedFindings(dataset) {
  const t = await Atlas.table(`study/${dataset}/net2vec_summary`);
  return t.where({ task: "segmentation", category: "" }).sort((a, b) => t.value(b, "combination_mean") - t.value(a, "combination_mean")).slice(0, 1).map((row) => [
    "One unit or many?", "net2vec", place(dataset, t.value(row, "model"), t.value(row, "layer")), ": a combination of units segments ",
    Atlas.cell(t, row, "equal_or_better", { low: "equal_or_better_low", high: "equal_or_better_high", percent: true, interval: true }),
    ` of ${t.value(row, "n_concepts")} concepts at least as well as the best single unit.`]);
}

async function similarityFindings(dataset) {
  const t = await Atlas.table(`study/${dataset}/similarity_summary`);
  const rows = t.rows((r) => t.value(r, "fact") === "position" && t.value(r, "measure") === "ucs" && t.value(r, "value") != null)
    .sort((a, b) => t.value(b, "value") - t.value(a, "value"));
  return rows.slice(0, 1).map((row) => ["How alike?", "similarity", place(dataset, t.value(row, "model_a"), t.value(row, "layer_a")), " and ",
    place(dataset, t.value(row, "model_b"), t.value(row, "layer_b")), ": shared concepts (UCS) reach ",
    Atlas.cell(t, row, "value", { low: "low", high: "high", percent: true, interval: true }), " of the way from random weights (",
    Atlas.cell(t, row, "floor"), ") to another seed (", Atlas.cell(t, row, "ceiling"), ")."]);
}

/* Of every pair of data sets the layer whose concepts are most alike, above chance. */
async function betweenDatasets() {
  const best = new Map();
  await Promise.all(Atlas.overview.across.map(async ({ model, sets }) => {
    const t = await Atlas.table(`across/${model}/across`);
    for (const [a, b] of sets) for (const row of t.where({ dataset_a: a, dataset_b: b, measure: "cosine" })) {
      const value = t.value(row, "value"), name = `${a}~${b}`;
      if (value != null && !(best.has(name) && best.get(name).value >= value)) best.set(name, { value, t, row, model, a, b });
    }
  }));
  if (!best.size) return null;
  return Atlas.card("Between data sets", h("ul", { class: "findings" }, [...best].sort().map(([, { t, row, model, a, b }]) => {
    const layer = t.value(row, "layer"), raw = t.where({ dataset_a: a, dataset_b: b, layer, measure: "cosine_raw" })[0];
    return h("li", {}, h("h3", {}, h("a", { href: Atlas.to("across", a, b) }, `${a} and ${b}`)), h("p", {}, h("a", { href: Atlas.to("across", a, b, model, layer) }, `${model} ${layer}`), " is most alike: matched concepts have a mean cosine of ",
      Atlas.cell(t, raw, "value", { chance: "null_high" }), "; by chance ", Atlas.cell(t, raw, "null_mean"), ", other images of one data set reach ", Atlas.cell(t, raw, "ceiling"), "."), h("a", { class: "quiet", href: Atlas.to("method", "similarity") }, "definition"));
  })));
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
