"use strict";
/* What a unit changes in generated pictures; only where the layer is what the link reads. */
Atlas.section({
  name: "generated", title: "Through the generator",
  async render(context) {
    const parts = [];
    for (const generator of context.place.linked || []) parts.push(await throughGenerator(context, generator));
    return parts.length ? parts : null;
  },
});

async function throughGenerator({ place, unit }, generator) {
  const { dataset, model } = place, tables = Atlas.linked(dataset, model, generator).tables;
  const table = (name) => Atlas.table(`models/${dataset}/${model}/${name}@${generator}`);
  const heading = h("h3", {}, `Generator ${generator}`);
  const more = h("p", { class: "note" }, h("a", { href: Atlas.to("linked", dataset, model, generator) }, "The link and its quality"), " · ", h("a", { href: Atlas.to("method", "linking") }, "How this is measured"));
  if (!tables.includes("effects")) return h("div", {}, heading, h("p", {}, "Its units were not tuned in this study."), more);
  const [facts, cycle, effects, tuned] = await Promise.all([Atlas.load(`models/${dataset}/${model}/generated@${generator}`), table("cycle"), table("effects"), table("tuned")]);
  const own = cycle.where({ unit })[0];
  if (own == null) return h("div", {}, heading, h("p", {}, "This unit was not tuned: the study names others."), more);
  const shown = facts.shown.find((one) => one.unit === unit);
  const rows = effects.where({ unit });
  return h("div", {}, heading, causal(cycle, own),
    shown ? null : h("p", { class: "note" }, `No pictures of this unit were kept; there are of ${facts.shown.length} others.`),
    h("div", { class: "beside" }, shown ? Atlas.generated(place, generator, shown) : null, largest(effects, rows, facts), byMetric(effects, rows, tuned, tuned.where({ unit }))),
    h("p", { class: "note" }, `Changes from the unit's least to its largest value in the training pairs, mean over starting points; labels by ${facts.masks}. Of ${Atlas.format(facts.pairs)} pairs of label and metric the most certain are shown, so some are there by chance; p is of one pair, by sign flips.`), more);
}

const VERDICTS = {
  follows: ["", "follows its own change", "Its own value rises with its change at more than half of the starting points, and more than with changes of other units."],
  follows_unspecifically: ["weak", "follows, but not specifically", "Its own value rises, but as much when other units are changed."],
  opposite: ["bad", "goes the opposite way", "Its own value falls where it was raised."],
  unclear: ["none", "unclear whether it follows", "The interval holds one half."],
  ignored: ["none", "ignored by the link", "The pictures do not change."],
  constant: ["none", "constant", "It has one value over the training pairs: nothing to tune."],
};

Atlas.causalVerdict = function (verdict) {
  const [kind, text, tip] = VERDICTS[verdict] || ["none", verdict, verdict];
  return h("span", { class: `badge ${kind}`.trim(), data: { tip } }, text);
};

function causal(t, row) {
  const cell = (column, options) => Atlas.cell(t, row, column, options);
  return h("div", {}, h("p", {}, Atlas.causalVerdict(t.value(row, "verdict"))),
    Atlas.facts([["rises with itself at", cell("share_right", { low: "share_low", high: "share_high", interval: true })], ["with other units at", cell("null_share")],
      ["slope (1: as claimed)", cell("slope", { low: "slope_low", high: "slope_high", interval: true })], ["with other units", cell("null_slope")], ["p", cell("p")], ["q", cell("q")],
      ["starting points", cell("n")], ["set from", cell("least")], ["to", cell("largest")], ["change of the picture", cell("image_change")]]));
}

/* A unit's pictures: a row a starting point, columns its least, middle and largest value. */
Atlas.generated = function ({ dataset, model }, generator, { unit, label, metric, classes, changes, size: [width, height] }, caption = null) {
  const file = ["models", dataset, model, "generated", generator, `${unit}.webp`].map(encodeURIComponent).join("/");
  const said = classes.map((name, i) => `${name} (${Atlas.format(changes[i])})`).join(", "), scale = Math.max(1, 288 / width);
  return h("figure", { class: "generated" },
    h("div", { class: "steps-of", style: { width: `${scale * width}px` }, "aria-hidden": "true" }, ["min", "middle", "max"].map((step) => h("span", {}, step))),
    h("img", { src: file, width: scale * width, height: scale * height, loading: "lazy", decoding: "async", alt: `Generated pictures of unit ${unit} at its least, middle and largest value, from ${classes.length} starting points: ${classes.join(", ")}` }),
    h("figcaption", {}, caption, `Rows start from ${said}; in brackets the change of ${label} (${metric.replaceAll("_", " ")}), for which it was chosen.`));
};

/* Over few starting points an interval may be narrow by accident: their p cannot be small. */
function largest(t, rows, { min_points: fewest }) {
  const certainty = (row) => { const [low, high] = [t.value(row, "low"), t.value(row, "high")]; return low == null || !(high > low) || t.value(row, "n") < fewest ? -1 : Math.abs(t.value(row, "mean")) / (high - low); };
  const best = rows.filter((row) => certainty(row) >= 0).sort((a, b) => certainty(b) - certainty(a)).slice(0, 8);
  if (!best.length) return h("p", {}, `No label is in the pictures of ${fewest} starting points.`);
  return Atlas.rows(`Labels it changes most: change against the width of its interval, n at least ${fewest}`, ["Label", "Metric", "Change [interval]", "p", "n"], best.map((row) => [
    t.value(row, "label"), t.value(row, "metric").replaceAll("_", " "), Atlas.cell(t, row, "mean", { low: "low", high: "high", interval: true }), Atlas.cell(t, row, "p"), Atlas.cell(t, row, "n")]), { right: [2, 3, 4] });
}

function byMetric(effects, rows, t, own) {
  return Atlas.rows("Metric by metric: the label that changes most, and how sparse the changes are", ["Metric", "Label", "Change [interval]", "p", "Sparsity", "By sign flips", "p of sparsity", "Stability [interval]"], own.map((row) => {
    const label = t.value(row, "strongest_label"), metric = t.value(row, "metric");
    const same = rows.find((r) => effects.value(r, "label") === label && effects.value(r, "metric") === metric);
    return [metric.replaceAll("_", " "), label || "none", same == null ? "–" : Atlas.cell(effects, same, "mean", { low: "low", high: "high", interval: true }), same == null ? "–" : Atlas.cell(effects, same, "p"),
      t.value(row, "sparsity") == null ? h("span", { data: { tip: t.value(row, "reason") || "undefined" }, tabindex: "0" }, "undefined") : Atlas.cell(t, row, "sparsity"), Atlas.cell(t, row, "null_sparsity"), Atlas.cell(t, row, "sparsity_p"),
      Atlas.cell(t, row, "stability", { low: "stability_low", high: "stability_high", interval: true })];
  }), { right: [2, 3, 4, 5, 6, 7] });
}
