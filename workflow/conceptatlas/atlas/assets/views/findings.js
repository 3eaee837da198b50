"use strict";
/* Headline findings of the study: sentences whose numbers carry intervals and lead to their rows. */

/* Sentences made from the joined tables; each number leads to its row. */
async function findings({ dataset, tables }) {
  const found = [];
  const has = (name) => tables.includes(name);
  if (has("dissection_summary")) found.push(...await detectorFindings(dataset));
  if (has("rotation_summary")) found.push(...await rotationFindings(dataset));
  if (has("net2vec_summary")) found.push(...await learnedFindings(dataset));
  if (has("similarity_summary")) found.push(...await similarityFindings(dataset));
  found.push(...await robustFindings(dataset), ...await wordFindings(dataset));
  for (const name of tables.filter((one) => one.startsWith("falcon_summary"))) found.push(...await falconFindings(dataset, name));
  for (const one of Atlas.overview.linked.filter((linked) => linked.dataset === dataset)) found.push(...await linkFindings(one));
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

/* The layer with the most detectors among those of a result: what is said of a study is said of it. */
function foremost(dataset, result) {
  const layers = Atlas.overview.layers.filter((l) => l.dataset === dataset && l.results.some((name) => name.split(":")[0] === result));
  return layers.sort((a, b) => (b.detectors ?? 0) - (a.detectors ?? 0))[0];
}

async function robustFindings(dataset) {
  const own = foremost(dataset, "robustness_summary");
  if (!own) return [];
  const t = await Atlas.table(Atlas.key(own, "robustness_summary"));
  const rows = t.where({ category: "" }).filter((r) => t.value(r, "share_kept") != null).sort((a, b) => t.value(b, "share_kept") - t.value(a, "share_kept"));
  if (!rows.length) return [];
  const kept = (row) => [t.value(row, "level"), " ", Atlas.cell(t, row, "share_kept", { low: "kept_low", high: "kept_high", percent: true, interval: true })];
  const [best, worst] = [rows[0], rows[rows.length - 1]];
  return [["How robust?", "robustness", place(dataset, own.model, own.layer), ": of its detectors keep their label under ", kept(best), best !== worst ? [", under ", kept(worst)] : null, "."]];
}

async function wordFindings(dataset) {
  const own = foremost(dataset, "wording_summary");
  if (!own) return [];
  const t = await Atlas.table(Atlas.key(own, own.results.find((name) => name.startsWith("wording_summary:")).replace(":", "@")));
  const row = (quantity, units) => t.where({ quantity, units, category: "" })[0];
  const [above, same] = [row("share_above_null", "all"), row("share_same_name", "detectors")], ends = { low: "ci_low", high: "ci_high", percent: true, interval: true };
  return above == null ? [] : [["Words for units?", "open_vocabulary", place(dataset, own.model, own.layer), ": words follow ", Atlas.cell(t, above, "value", ends), " of the units better than chance",
    same == null || t.value(same, "value") == null ? null : ["; ", Atlas.cell(t, same, "value", ends), " of the detectors get the name that masks give them (by chance ", Atlas.cell(t, same, "chance", { percent: true }), ")"], "."]];
}

async function falconFindings(dataset, name) {
  const t = await Atlas.table(`study/${dataset}/${name}`);
  const rows = t.where({ fact: "explained_features" }).filter((r) => t.value(r, "value") != null).sort((a, b) => t.value(b, "value") - t.value(a, "value"));
  return rows.slice(0, 1).map((row) => ["Explained by captions?", "falcon", place(dataset, t.value(row, "model"), t.value(row, "layer")), ": captions explain ",
    Atlas.cell(t, row, "value", { low: "low", high: "high", percent: true, interval: true }), ` of ${t.value(row, "n_total")} features, alone or in a group.`]);
}

async function linkFindings({ dataset, model, generator }) {
  const t = await Atlas.table(`models/${dataset}/${model}/link@${generator}`);
  const row = t.where({ measure: "r2", scope: "total" })[0];
  return row == null || t.value(row, "value") == null ? [] : [["Can it be drawn?", "linking", h("a", { href: Atlas.to("linked", dataset, model, generator) }, `${model} through ${generator}`), ": a linear map tells ",
    Atlas.cell(t, row, "value", { low: "low", high: "high", percent: true, interval: true }), " of the variance of the generator's style (shuffled pairs ", Atlas.cell(t, row, "null", { percent: true }), ")."]];
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
