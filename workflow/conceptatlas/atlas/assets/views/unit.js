"use strict";
/* A unit: the sections of assets/sections, each beside its own module of the library. */

Atlas.view("unit", async function ([dataset, model, layer, name]) {
  const place = Atlas.place(dataset, model, layer);
  const unit = Number(name), size = Atlas.overview.chunks.units;
  if (!Number.isInteger(unit) || unit < 0 || unit >= place.n_units) Atlas.fail(`Layer ${model} ${layer} has units 0 to ${place.n_units - 1}; there is no unit ${name}.`);
  const title = `Unit ${unit}`;
  const crumbs = [[dataset, Atlas.to("dataset", dataset)], [model, Atlas.to("model", dataset, model)], [layer, Atlas.to("layer", dataset, model, layer)]];
  const t = place.results.includes("units") ? await Atlas.table(Atlas.key(place, "units")) : null;
  const chunk = await Atlas.load(Atlas.key(place, `units-${Math.floor(unit / size)}`));
  const context = {
    place, unit, units: t, row: unit,
    value: (section) => (chunk.sections[section] || [])[unit - chunk.first] ?? null,
    table: (table) => Atlas.table(Atlas.key(place, table)),
    has: (result) => place.results.includes(result),
    several: (result) => Promise.all(place.results.filter((name) => name.startsWith(`${result}:`)).map(async (name) => {
      const which = name.slice(result.length + 1);
      return [which, await Atlas.table(Atlas.key(place, `${result}@${which}`))];
    })),
  };
  const step = (other, text) => other >= 0 && other < place.n_units ? h("a", { href: Atlas.to("unit", dataset, model, layer, other) }, text) : null;
  const body = [h("div", { class: "head" }, h("h1", {}, `${model} ${layer}, unit ${unit}`), h("p", { class: "steps" }, step(unit - 1, `← ${unit - 1}`), step(unit + 1, `${unit + 1} →`))), t ? verdict(context) : h("p", { class: "verdict" }, "The units of this layer were not dissected: they have no labels from masks.")];
  for (const section of Atlas.sections) {
    const content = await section.render(context);
    if (content) body.push(Atlas.card(section.title, content));
  }
  return { title: `${model} ${layer} unit ${unit}`, crumbs, body };
});

function verdict({ place, units: t, row }) {
  const concept = t.value(row, "concept"), state = t.value(row, "state");
  if (state !== "live" && !concept) return h("p", { class: "verdict" }, `This unit is ${String(state).replaceAll("_", " ")}; it has no label.`);
  const marks = [];
  if (t.value(row, "is_significant")) marks.push(h("span", { class: "badge" }, "significant detector"));
  else if (t.value(row, "is_detector")) marks.push(h("span", { class: "badge weak" }, "detector, not significant"));
  else marks.push(h("span", { class: "badge none" }, "no detector"));
  if (!t.value(row, "label_stable")) marks.push(h("span", { class: "badge weak", data: { tip: "The two halves of the images choose different labels." } }, "label not stable"));
  if (t.value(row, "is_detector") && t.value(row, "is_confounded")) marks.push(h("span", { class: "badge weak" }, "may follow ", t.value(row, "confounded_by")));
  return h("div", { class: "verdict" },
    h("p", { class: "label" }, Atlas.category(t.value(row, "category"), { words: false }), Atlas.linkConcept(place.dataset, concept), " ", h("small", {}, t.value(row, "category"))),
    h("p", {}, marks),
    Atlas.facts([
      ["IoU", Atlas.cell(t, row, "iou_category", { low: "ci_low", high: "ci_high", chance: "null_high", interval: true })],
      ["cross-fitted", Atlas.cell(t, row, "iou_cross_fitted")], ["p", Atlas.cell(t, row, "p")], ["q", Atlas.cell(t, row, "q")],
      ["by chance", Atlas.cell(t, row, "null_high")], ["state", state.replaceAll("_", " ")], ["threshold T", Atlas.cell(t, row, "threshold")], ["share above T", Atlas.cell(t, row, "achieved")]]));
}
