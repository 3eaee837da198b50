"use strict";
/* A classifier and a generator: how good the link is, which classes become which, what units change most selectively. */

Atlas.linked = function (dataset, model, generator) {
  const found = Atlas.overview.linked.find((one) => one.dataset === dataset && one.model === model && one.generator === generator);
  if (!found) Atlas.fail(`This study links no generator ${generator} to ${model} on ${dataset}.`);
  return found;
};

const LINK_MEASURES = {
  r2: "R², held-out pairs", mse: "mean squared error, held-out pairs", r2_train: "R², training pairs", mse_train: "mean squared error, training pairs", ari_w: "classes as clusters of w (adjusted Rand index)", ari_r: "classes as clusters of r (adjusted Rand index)",
  similarity_correlation: "similarities of w and r, correlation", dissimilarity_correlation: "distances of w and r, correlation", image_rmse: "picture through the circle, RMSE", recognised: "picture through the circle, same class",
};

Atlas.view("linked", async function ([dataset, model, generator]) {
  const { tables } = Atlas.linked(dataset, model, generator);
  const key = (name) => `models/${dataset}/${model}/${name}@${generator}`;
  const [link, facts] = await Promise.all([Atlas.table(key("link")), Atlas.load(key("generated"))]);
  const place = Atlas.overview.layers.find((l) => l.dataset === dataset && l.model === model && l.linked.includes(generator));
  const unitLink = (unit) => (place ? Atlas.linkUnit(place, unit, `unit ${unit}`) : `unit ${unit}`);
  const body = [h("h1", {}, `${model} through ${generator}`), h("p", { class: "lead" }, place
    ? ["The linked representation is layer ", h("a", { href: Atlas.to("layer", dataset, model, place.layer) }, place.layer), ", its maps averaged over positions; so its units are those of the layer."]
    : "No layer of this study is the linked representation, so its units have no pages here."), quality(link)];
  if (tables.includes("rates")) body.push(successes(await Atlas.table(key("rates"))));
  if (tables.includes("effects")) {
    const [cycle, selective] = await Promise.all([Atlas.table(key("cycle")), Atlas.table(key("selective"))]);
    body.push(verdicts(cycle, unitLink), mostSelective(selective, facts, unitLink));
    if (facts.shown.length) body.push(Atlas.card("Pictures", h("div", { class: "generated-all" }, facts.shown.map((shown) => Atlas.generated({ dataset, model }, generator, shown, [unitLink(shown.unit), ". "])))));
  }
  body.push(await Atlas.figures((group) => group.generator === generator && group.model === model));
  body.push(h("p", { class: "note" }, h("a", { href: Atlas.to("method", "linking") }, "How this is measured")));
  return { title: `${model} through ${generator}`, crumbs: [[dataset, Atlas.to("dataset", dataset)], [model, Atlas.to("model", dataset, model)]], body };
});

function quality(t) {
  const every = t.rows(() => true), whole = every.filter((row) => ["total", "within class"].includes(t.value(row, "scope")));
  const classes = every.filter((row) => t.value(row, "measure") === "r2" && !whole.includes(row));
  const name = (row) => LINK_MEASURES[t.value(row, "measure")] || t.value(row, "measure").replaceAll("_", " ");
  const table = Atlas.rows("Quality of the link", ["Measure", "Over", "Value [interval]", "Pairs shuffled [interval]", "p", "n"], whole.map((row) => [
    h("span", { data: { tip: t.value(row, "definition") }, tabindex: "0" }, name(row)), t.value(row, "scope"), Atlas.cell(t, row, "value", { low: "low", high: "high", interval: true }),
    t.value(row, "null") == null ? "–" : Atlas.cell(t, row, "null", { low: "null_low", high: "null_high", interval: true }), Atlas.cell(t, row, "p"), Atlas.cell(t, row, "n")]), { right: [2, 3, 4, 5] });
  const shown = classes.sort((a, b) => t.value(b, "value") - t.value(a, "value")).slice(0, 40);
  return Atlas.card("How good the link is", h("div", { class: "beside" }, table, shown.length ? h("div", {}, h("h3", {}, "R² of each class, held-out pairs"),
    Atlas.dots("R² of each class on held-out pairs", shown.map((row) => ({ text: t.value(row, "scope"), value: t.value(row, "value"), low: t.value(row, "low"), high: t.value(row, "high"), chance: t.value(row, "null_high"), href: `${Atlas.to("table", ...t.key.split("/"))}?row=${row}` })), { unit: "R²", width: 520 }),
    h("p", { class: "note" }, `Small mark: 95 % point where pairs are shuffled.${classes.length > shown.length ? ` The best ${shown.length} of ${classes.length} classes.` : ""}`)) : null));
}

/* Which class becomes which: a matrix of success rates; every cell leads to its row. */
function successes(t) {
  const every = t.rows(() => true), total = every.find((row) => t.value(row, "origin") === "any"), pairs = every.filter((row) => row !== total);
  const side = (column) => new Set(pairs.map((row) => t.value(row, column)));
  const from = side("origin"), to = side("target"), classes = [...new Set([...from, ...to])]; // one order on both sides
  const origins = classes.filter((name) => from.has(name)), targets = classes.filter((name) => to.has(name));
  const at = new Map(pairs.map((row) => [`${t.value(row, "origin")} ${t.value(row, "target")}`, row]));
  const find = (i, j) => at.get(`${origins[i]} ${targets[j]}`);
  const describe = (i, j) => {
    const row = find(i, j);
    if (row == null) return "not searched";
    const [n, won, rate, low, high, left] = ["n", "n_success", "rate", "low", "high", "n_not_started"].map((column) => t.value(row, column));
    return rate == null ? `no picture was in the origin class (${left} left out)` : `${won} of ${n} succeed, ${Atlas.format(rate)}, interval ${Atlas.format(low)} to ${Atlas.format(high)}; ${left} left out; ${Atlas.format(t.value(row, "steps"))} steps`;
  };
  const matrix = pairs.length ? Atlas.heatmap("Success of counterfactuals, from the class in the row to that in the column", origins, targets, { value: (i, j) => (find(i, j) == null ? null : t.value(find(i, j), "rate")), describe, low: 0, high: 1, cell: Math.max(8, Math.min(40, Math.floor(420 / targets.length))),
    open: (i, j) => { const row = find(i, j); if (row != null) location.hash = `${Atlas.to("table", ...t.key.split("/"))}?row=${row}`; } }) : null;
  return Atlas.card("Counterfactuals: which class becomes which", total == null ? null : h("p", {}, "Of all searches ", Atlas.cell(t, total, "rate", { low: "low", high: "high", percent: true, interval: true }), " succeed (n = ", Atlas.cell(t, total, "n"), "; ", Atlas.cell(t, total, "n_not_started"), " left out, because the generated copy is not in the origin class)."),
    matrix, h("p", { class: "note" }, "Rows: class of the picture. Columns: class that it shall become. Hatched: not searched, or no picture to begin with. A cell leads to its row."));
}

function verdicts(t, unitLink) {
  const order = ["follows", "follows_unspecifically", "opposite", "unclear", "ignored", "constant"];
  const found = order.map((verdict) => [verdict, t.where({ verdict }).sort((a, b) => (t.value(b, "slope") ?? -9) - (t.value(a, "slope") ?? -9))]).filter(([, rows]) => rows.length);
  return Atlas.card("Do units follow their own change?", Atlas.rows("Verdicts of the causal check", ["Verdict", "Units", "Largest slopes"], found.map(([verdict, rows]) => [
    Atlas.causalVerdict(verdict), rows.length, rows.slice(0, 5).map((row, i) => [i ? ", " : "", unitLink(t.value(row, "unit")), " ", Atlas.cell(t, row, "slope", { low: "slope_low", high: "slope_high" })])]), { right: [1], prose: true }));
}

function mostSelective(t, facts, unitLink) {
  const metrics = [...new Set(t.rows(() => true).map((row) => t.value(row, "metric")))];
  const choose = h("select", {}, metrics.map((metric) => h("option", { value: metric, selected: facts.shown.length && metric === facts.shown[0].metric }, metric.replaceAll("_", " "))));
  const host = h("div", {});
  const draw = () => {
    const rows = t.where({ metric: choose.value }).filter((row) => t.value(row, "low") != null).sort((a, b) => String(t.value(a, "label")).localeCompare(t.value(b, "label")) || t.value(a, "rank") - t.value(b, "rank"));
    host.replaceChildren(Atlas.rows(`Units that change one label's ${choose.value.replaceAll("_", " ")} and little else`, ["Label", "Unit", "Change [interval]", "p", "q", "Share of all labels' change", "n", "Causal check"], rows.map((row) => [
      t.value(row, "label"), unitLink(t.value(row, "unit")), Atlas.cell(t, row, "mean", { low: "low", high: "high", interval: true }), Atlas.cell(t, row, "p"), Atlas.cell(t, row, "q"), Atlas.cell(t, row, "selectivity", { percent: true }), Atlas.cell(t, row, "n"), Atlas.causalVerdict(t.value(row, "verdict"))]), { right: [2, 3, 4, 5, 6] }));
  };
  choose.addEventListener("input", draw);
  if (metrics.length) draw();
  return Atlas.card("Most selective units", metrics.length ? [h("form", { class: "controls", "aria-label": "Metric", on: { submit: (event) => event.preventDefault() } }, h("label", {}, h("span", {}, "Metric"), choose)), host,
    h("p", { class: "note" }, `The first three units of each label, without those whose change has no interval; labels by ${facts.masks}. q is corrected over units.`)] : h("p", {}, "No label changes."));
}
