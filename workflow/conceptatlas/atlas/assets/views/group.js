"use strict";
/* A group of features that FALCON explains: its words, what contrast dropped, the images it fires in and those it does not. */

Atlas.linkGroup = function ({ dataset, model, layer }, which, group, text) {
  return h("a", { href: Atlas.to("group", dataset, model, layer, which, group) }, text || `features ${group.replaceAll("-", " + ")}`);
};

Atlas.view("group", async function ([dataset, model, layer, which, group]) {
  const place = Atlas.place(dataset, model, layer);
  if (!place.results.includes(`spoken:${which}`)) Atlas.fail(`Features of ${model} ${layer} are not explained by ${String(which).replace("~", ", ")}.`);
  const [explained, spoken, pictures] = await Promise.all([Atlas.table(Atlas.key(place, `explained@${which}`)), Atlas.table(Atlas.key(place, `spoken@${which}`)), Atlas.load(Atlas.key(place, `pictures@${which}`))]);
  const row = explained.rows((r) => String(explained.value(r, "group")) === group)[0];
  if (row == null) Atlas.fail(`FALCON has no group ${group} of ${model} ${layer}.`);
  const own = pictures[group] || { high: [], low: [] }, features = group.split("-");
  const frame = Atlas.overview.datasets.find((d) => d.dataset === dataset).frame_size;
  const cell = (column, options) => Atlas.cell(explained, row, column, options);
  const yes = (column) => explained.value(row, column) === 1;
  return {
    title: `${model} ${layer} features ${group}`,
    crumbs: [[dataset, Atlas.to("dataset", dataset)], [model, Atlas.to("model", dataset, model)], [layer, Atlas.to("layer", dataset, model, layer)]],
    body: [h("h1", {}, `${model} ${layer}, ${features.length > 1 ? "features" : "feature"} ${features.join(" + ")}`),
      h("div", { class: "verdict" }, h("p", {}, h("span", { class: yes("explained") ? "badge" : "badge none" }, yes("explained") ? "explained" : "not explained"), h("span", { class: yes("interpretable") ? "badge" : "badge none" }, yes("interpretable") ? "its crops are alike" : "its crops are not alike"), " ", explained.value(row, "words") || "no word above chance"),
        Atlas.facts([["units", features.map((unit, i) => [i ? ", " : "", Atlas.linkUnit(place, unit, unit)])], ["likeness of its crops", cell("similarity", { low: "similarity_low", high: "similarity_high", interval: true })], ["of random groups", cell("null_similarity")], ["more alike than", h("span", {}, cell("percentile"), " %")],
          ["p", cell("p")], ["q", cell("q")], ["images", cell("n_high")], ["encoder, vocabulary", which.replace("~", ", ")]])),
      Atlas.card("Words", wordsOf(spoken, group)),
      Atlas.card("Images that activate all of them", own.high.length ? [h("div", { class: "pictures" }, own.high.map(([image, value, box], i) => Atlas.picture({ dataset, image, size: frame, box, width: 128, caption: `${i + 1}. ${Atlas.format(value)}` }))), h("p", { class: "note" }, "Bright: the crop that words are taken for. Below each: mean activation of the group.")] : h("p", {}, "None.")),
      Atlas.card("Alike, but with low activation", own.low.length ? [h("div", { class: "pictures" }, own.low.map(([image, value], i) => Atlas.picture({ dataset, image, width: 128, caption: `${i + 1}. ${Atlas.format(value)}` }))), h("p", { class: "note" }, "Words that these images have too are dropped. Below each: likeness to the images above.")] : h("p", {}, "None was found, so no word is dropped.")),
      h("p", { class: "note" }, h("a", { href: Atlas.to("method", "falcon") }, "How this is measured"))],
  };
});

/* Words by score; what contrast dropped is struck through, and says so in words too. */
function wordsOf(t, group) {
  const rows = t.rows((r) => String(t.value(r, "group")) === group).sort((a, b) => t.value(b, "score") - t.value(a, "score"));
  if (!rows.length) return h("p", {}, "The captions of its crops have no words.");
  const fate = (r) => (t.value(r, "dropped") ? "dropped" : t.value(r, "above_null") ? "kept, above chance" : "kept");
  const shown = (kept) => rows.filter((r) => Boolean(t.value(r, "dropped")) !== kept).length;
  return [Atlas.rows("Words in captions of its crops, highest score first", ["Word", "Kind", "Score [interval]", "By chance", "p", "p, search included", "In low images", "Fate"], rows.map((r) => [
    t.value(r, "dropped") ? h("s", {}, t.value(r, "word")) : t.value(r, "word"), t.value(r, "kind"), Atlas.cell(t, r, "score", { low: "score_low", high: "score_high", chance: "null_high", interval: true }), Atlas.cell(t, r, "null_high"), Atlas.cell(t, r, "p"), Atlas.cell(t, r, "p_search"), Atlas.cell(t, r, "counter_score"), fate(r)]), { right: [2, 3, 4, 5, 6] }),
  h("p", { class: "note" }, `The first ${shown(true)} that are kept and the first ${shown(false)} that are dropped (struck through), because images with low activation have them too.`)];
}
