"use strict";
/* The same layers on two data sets: how alike the concepts found on one are to those found on the other. */

const ACROSS = {
  cosine_raw: "cosine of matched components", cosine: "the same, above chance", cosine_one_to_one: "one-to-one matches by cosine",
  ...MEASURES, ucs_raw: "UCS of matched concepts", ucs: "the same, above chance", one_to_one: "one-to-one matches by UCS",
};

/* The models whose layers are compared between two data sets, with these layers; none: there is no such page. */
Atlas.across = function (a, b) {
  return Atlas.overview.across.flatMap(({ model, sets }) => sets.filter(([x, y]) => x === a && y === b).map(([, , layers]) => ({ model, layers })));
};

/* Links to what is compared between data sets: of a data set, of a model on it, or of one of its layers. */
Atlas.acrossLinks = function ({ dataset, model = null, layer = null }) {
  const found = new Map();
  for (const { model: own, sets } of Atlas.overview.across) for (const [a, b, layers] of sets) {
    if ((a !== dataset && b !== dataset) || (model && own !== model) || (layer && !layers.includes(layer))) continue;
    found.set(`${a}~${b}`, h("a", { href: layer ? Atlas.to("across", a, b, own, layer) : Atlas.to("across", a, b) }, layer ? `${own} ${layer} on ${a} and ${b}` : `${a} and ${b}`));
  }
  return [...found.values()];
};

/* The same as a sentence, or nothing. */
Atlas.acrossNote = function (names) {
  const links = Atlas.acrossLinks(names);
  return links.length ? h("p", {}, "The same concepts on other images? ", links.map((link, i) => [i ? ", " : "", link])) : null;
};

/* The row of a measure in a layer, by any further columns. */
function acrossRow(t, a, b, layer) {
  const rows = t.where({ dataset_a: a, dataset_b: b, layer });
  return (measure, more = {}) => rows.find((r) => t.value(r, "measure") === measure && Object.entries(more).every(([name, value]) => t.value(r, name) === value));
}

function acrossCell(t, row, options = {}) {
  if (row == null) return "–";
  if (t.value(row, "value") == null) return h("span", { data: { tip: t.value(row, "reason") || "undefined" }, tabindex: "0" }, "undefined");
  return Atlas.cell(t, row, "value", { low: "low", high: "high", chance: "null_high", interval: true, ...options });
}

Atlas.view("across", async function ([a, b, model, layer], query) {
  const models = Atlas.across(a, b);
  if (!models.length) Atlas.fail(`This study does not compare concepts of ${a} with those of ${b}.`);
  if (layer != null) return acrossLayer(a, b, model, layer, query);
  const crumbs = [[a, Atlas.to("dataset", a)], [b, Atlas.to("dataset", b)]];
  const tables = new Map(await Promise.all(models.map(async (of) => [of.model, await Atlas.table(`across/${of.model}/across`)])));
  const every = models.flatMap((of) => of.layers.map((name) => ({ model: of.model, layer: name, t: tables.get(of.model), href: Atlas.to("across", a, b, of.model, name) })));
  const part = h("input", { type: "search", value: query.get("name") || "", placeholder: "part of a model or layer" });
  const host = h("div", {}), count = h("p", { class: "count", role: "status" });
  const update = () => {
    const text = part.value.trim().toLowerCase(), shown = every.filter((one) => `${one.model} ${one.layer}`.toLowerCase().includes(text));
    count.textContent = `${shown.length} of ${every.length} layers`;
    host.replaceChildren(...acrossTables(a, b, shown));
    Atlas.remember({ name: part.value.trim() });
  };
  part.addEventListener("input", update);
  update();
  return {
    title: `${a} and ${b}`, crumbs,
    body: [h("h1", {}, `The same layers on ${a} and ${b}`), h("p", { class: "lead" }, "Are the concepts that a layer has on one data set those that it has on another?"),
      h("form", { class: "controls", "aria-label": "Filter layers", on: { submit: (event) => event.preventDefault() } }, h("label", {}, h("span", {}, "Layer"), part), count), host,
      await Atlas.figures((group, figure) => group.across && !figure.layer && models.some((of) => of.model === group.model), { heading: (group) => group.model }),
      h("p", { class: "note" }, h("a", { href: Atlas.to("method", "similarity") }, "How this is measured"))],
  };
});

function acrossTables(a, b, layers) {
  if (!layers.length) return [h("p", {}, "No layer is called like that.")];
  const rows = layers.map((one) => ({ ...one, name: `${one.model} ${one.layer}`, of: acrossRow(one.t, a, b, one.layer) }));
  const link = (one) => h("a", { href: one.href }, one.name);
  const masks = Math.min(...rows.map(({ t, of }) => { const row = of("ucs_raw"); return row == null ? Infinity : t.value(row, "threshold") ?? Infinity; }));
  return [
    Atlas.card("Cosine of matched components", h("div", { class: "beside" }, Atlas.dots("Mean cosine of matched components, layer by layer", rows.map((one) => {
      const row = one.of("cosine_raw"), [value, chance, ceiling] = ["value", "null_high", "ceiling"].map((name) => (row == null ? null : one.t.value(row, name)));
      return { text: one.name, href: one.href, value, chance, ceiling };
    }), { unit: "cosine", to: 1, width: 560, labels: 170 }),
    Atlas.rows("Cosines of the components; they need no images", ["Layer", "Cosine", "By chance", "Ceiling", "Above chance", "p", "One to one"], rows.map((one) => {
      const [raw, above, single] = ["cosine_raw", "cosine", "cosine_one_to_one"].map((name) => one.of(name));
      return [link(one), acrossCell(one.t, raw), raw == null ? "–" : Atlas.cell(one.t, raw, "null_high"), raw == null ? "–" : Atlas.cell(one.t, raw, "ceiling"), acrossCell(one.t, above), above == null ? "–" : Atlas.cell(one.t, above, "p"), acrossCell(one.t, single, { percent: true })];
    }), { right: [1, 2, 3, 4, 5, 6] })), h("p", { class: "note" }, "Small mark: 95 % point of chance, units of like strength trading places. Bar: ceiling, what other images of one data set reach.")),
    Number.isFinite(masks) ? Atlas.card("Masks on the images of either", Atlas.rows(`UCS of matched concepts, masks at ${masks} of the normaliser`, ["Layer", ...[a, b].flatMap((images) => [`On ${images} [interval]`, "By chance"])], rows.map((one) => [link(one), ...[a, b].flatMap((images) => {
      const row = one.of("ucs_raw", { images, threshold: masks });
      return [acrossCell(one.t, row), row == null ? "–" : Atlas.cell(one.t, row, "null_high")];
    })]), { right: [1, 2, 3, 4] })) : null,
    Atlas.card("Reconstruction error", Atlas.rows("Error of a layer rebuilt from the concepts of one data set on the images of one", ["Layer", ...[a, b].flatMap((components) => [a, b].map((images) => `of ${components}, on ${images} [interval]`))], rows.map((one) =>
      [link(one), ...[a, b].flatMap((components) => [a, b].map((images) => acrossCell(one.t, one.of("error", { components, images }))))]), { right: [1, 2, 3, 4] }),
    h("p", { class: "note" }, "Concepts of diverse images rebuild a narrow data set nearly as well as its own do; the reverse costs more.")),
  ].filter(Boolean);
}

async function acrossLayer(a, b, model, layer, query) {
  if (!Atlas.across(a, b).some((of) => of.model === model && of.layers.includes(layer))) Atlas.fail(`Layer ${model} ${layer} is not compared between ${a} and ${b}.`);
  const [t, concepts, { thresholds, sets }] = await Promise.all([Atlas.table(`across/${model}/across`), Atlas.table(`across/${model}/across_concepts`), Atlas.load(`across/${model}/pairs-${layer}`)]);
  const places = [Atlas.place(a, model, layer), Atlas.place(b, model, layer)], pairs = sets[`${a}~${b}`];
  const state = { show: query.get("show") || "", match: query.get("match") || "" };
  const panel = h("div", { id: "match", tabindex: "-1" });
  const open = async (i, j, focus = true) => {
    state.match = `${i}~${j}`;
    Atlas.remember(state);
    panel.replaceChildren(Atlas.card(`Concept ${i} of ${a} and concept ${j} of ${b}`, await Atlas.conceptPictures(places, [i, j], 0, [a, b])));
    if (focus) { panel.focus({ preventScroll: true }); panel.scrollIntoView({ block: "start" }); }
  };
  if (state.match) await open(...state.match.split("~").map(Number), false);
  const links = h("p", {}, "Concepts found on ", places.map((place, i) => [i ? " and on " : "", h("a", { href: Atlas.to("found", place.dataset, model, layer) }, place.dataset)]), ", units on ", places.map((place, i) => [i ? " and on " : "", h("a", { href: Atlas.to("layer", place.dataset, model, layer) }, place.dataset)]), ".");
  return {
    title: `${model} ${layer}`, crumbs: [[`${a} and ${b}`, Atlas.to("across", a, b)]],
    body: [h("h1", {}, `${model} ${layer} on ${a} and ${b}`), links,
      h("div", { class: "columns" }, acrossSummary(t, a, b, layer, thresholds), pairs ? acrossMatrix(a, b, pairs, thresholds, state, open) : null),
      pairs ? acrossMatched(concepts, pairs, { a, b, model, layer, thresholds }, open) : null, panel, acrossMeasures(t, a, b, layer), await Atlas.figures((group, figure) => group.across && group.model === model && figure.layer === layer, { place: false })],
  };
}

/* What is read first, and the reconstruction errors. */
function acrossSummary(t, a, b, layer, thresholds) {
  const of = acrossRow(t, a, b, layer), raw = of("cosine_raw"), single = of("cosine_one_to_one");
  const ucs = [a, b].map((images) => [`UCS on ${images}, masks at ${thresholds[0]}`, of("ucs_raw", { images, threshold: thresholds[0] })]);
  return Atlas.card("How alike they are", Atlas.rows("The two sets of concepts, matched one to one", ["Measure", "Value [interval]", "By chance", "Ceiling", "p"], [[ACROSS.cosine_raw, raw], [ACROSS.cosine_one_to_one, single], ...ucs].filter(([, row]) => row != null).map(([name, row]) => [
    name, acrossCell(t, row), Atlas.cell(t, row, "null_high"), t.value(row, "ceiling") == null ? "–" : Atlas.cell(t, row, "ceiling"), Atlas.cell(t, row, "p")]), { right: [1, 2, 3, 4] }),
  of("error") == null ? null : [h("h3", {}, "Reconstruction error"), Atlas.rows("Error of the layer rebuilt from either set of concepts", ["Concepts of", `on ${a} [interval]`, `on ${b} [interval]`], [a, b].map((components) => [components, ...[a, b].map((images) => acrossCell(t, of("error", { components, images })))]), { right: [1, 2] })]);
}

function acrossMeasures(t, a, b, layer) {
  const rows = t.where({ dataset_a: a, dataset_b: b, layer }).filter((r) => t.value(r, "measure") !== "error");
  return h("section", { class: "card" }, h("details", {}, h("summary", {}, `Every measure (${rows.length})`), Atlas.rows("Every measure of the two sets of concepts", ["Measure", "Images", "Masks at", "Value [interval]", "By chance", "Ceiling", "p", "Images of the test"], rows.map((r) => [
    ACROSS[t.value(r, "measure")] || t.value(r, "measure"), t.value(r, "images") || "–", Atlas.format(t.value(r, "threshold")), acrossCell(t, r), Atlas.cell(t, r, "null_high"), t.value(r, "ceiling") == null ? "–" : Atlas.cell(t, r, "ceiling"), Atlas.cell(t, r, "p"), Atlas.cell(t, r, "n_images")]), { right: [2, 3, 4, 5, 6, 7] })));
}

/* Cosines, or UCS on the images of either, of every concept of a (rows) with every concept of b (columns). */
function acrossMatrix(a, b, { shape: [rows, columns], cosine, on_a: onA, on_b: onB }, thresholds, state, open) {
  const kinds = [["cosine", "cosine of the components", cosine, 0], ...[[a, onA], [b, onB]].flatMap(([images, ucs], side) => thresholds.map((value, k) => [`${"ab"[side]}${k}`, `UCS on ${images}, masks at ${value}`, ucs, k]))];
  const choose = h("select", {}, kinds.map(([key, text]) => h("option", { value: key, selected: key === state.show }, text)));
  const host = h("div", {});
  const draw = () => {
    const [key, text, values, k] = kinds.find(([name]) => name === choose.value);
    state.show = key === "cosine" ? "" : key;
    const names = (n, of) => Array.from({ length: n }, (_, i) => `${of} ${i}`);
    host.replaceChildren(Atlas.heatmap(`Every pair of concepts: ${text}`, names(rows, a), names(columns, b), { value: (i, j) => values[(k * rows + i) * columns + j], open: (i, j) => open(i, j), low: 0, high: key === "cosine" ? 1 : null, cell: Math.max(12, Math.min(30, Math.floor(330 / columns))) }));
  };
  choose.addEventListener("input", () => { draw(); Atlas.remember(state); });
  draw();
  return Atlas.card("Every pair of concepts", h("label", {}, h("span", {}, "Colour: "), choose), host, h("p", { class: "note" }, `Rows: concepts of ${a}; columns: of ${b}. A cell opens the pictures of both.`));
}

function acrossMatched(t, pairs, { a, b, model, layer, thresholds }, open) {
  const [nA, nB] = pairs.shape, own = t.where({ dataset_a: a, dataset_b: b, layer });
  const rows = own.filter((r) => t.value(r, "matched_by") === "cosine").sort((x, y) => (t.value(y, "similarity") ?? -1) - (t.value(x, "similarity") ?? -1));
  const ucs = (i, j, images, flat) => {
    const row = own.find((r) => t.value(r, "matched_by") === "ucs" && t.value(r, "images") === images && t.value(r, "threshold") === thresholds[0] && t.value(r, "concept_a") === i && t.value(r, "concept_b") === j);
    return row == null ? Atlas.said(flat[i * nB + j], `UCS of the two concepts on the test images of ${images}, masks at ${thresholds[0]} of the normaliser`) : Atlas.cell(t, row, "similarity", { low: "low", high: "high", chance: "null_high", interval: true });
  };
  const found = (dataset, concept) => h("a", { href: `${Atlas.to("found", dataset, model, layer)}?concept=${concept}` }, `${dataset} ${concept}`);
  const yes = (value) => (value === 1 ? "yes" : value === 0 ? "no" : "–");
  const alone = [[a, nA, "concept_a"], [b, nB, "concept_b"]].map(([dataset, n, column]) => [dataset, Array.from({ length: n }, (_, i) => i).filter((i) => !rows.some((r) => t.value(r, column) === i && t.value(r, "above_null") === 1))]);
  return [Atlas.card("Matched concepts", Atlas.rows("Concepts matched by the cosine of their components, most alike first", [a, b, "Cosine", "By chance", "Above", "Mutual best", "Stability", `UCS on ${a} [interval]`, `UCS on ${b} [interval]`, "Pictures"], rows.map((r) => {
    const [i, j] = [t.value(r, "concept_a"), t.value(r, "concept_b")];
    return [found(a, i), found(b, j), Atlas.cell(t, r, "similarity", { chance: "null_high" }), Atlas.cell(t, r, "null_high"), yes(t.value(r, "above_null")), yes(t.value(r, "mutual_best")), Atlas.cell(t, r, "stability"), ucs(i, j, a, pairs.on_a), ucs(i, j, b, pairs.on_b),
      h("button", { type: "button", class: "pair", "aria-label": `Pictures of concept ${i} of ${a} and concept ${j} of ${b}`, on: { click: () => open(i, j) } }, "Show")];
  }), { right: [2, 3, 6, 7, 8] }), h("p", { class: "note" }, `Stability: how well the less stable of the two is found again in other images of its own data set. UCS: masks at ${thresholds[0]} of the normaliser, with an interval where these masks were matched too.`)),
  Atlas.card("Without a counterpart", alone.map(([dataset, concepts]) => h("p", {}, concepts.length ? [`Concepts of ${dataset} without a match above chance: `, concepts.map((concept, i) => [i ? ", " : "", found(dataset, concept)]), "."] : `Every concept of ${dataset} has a match above chance.`)))];
}
