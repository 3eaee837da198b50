"use strict";
/* Comparison of layers: a matrix; a cell opens the matched concepts of two layers, a pair of them its pictures. */

const MEASURES = {
  ucs: "UCS: shared concepts, above chance", ucs_raw: "UCS without the correction for chance", ucs_scaled: "UCS, share of what is possible above chance", ucs_all: "UCS over all pairs",
  correspondence: "share of mutual best matches above chance", one_to_one: "one-to-one matches", sfss: "SFSS: given concepts", sfss_gated: "SFSS, recognised concepts", sfss_present: "SFSS, images with the concept", sfss_absent: "SFSS, images without",
  cka: "CKA, unbiased", rsa: "RSA", procrustes: "Procrustes", regression_ab: "linear regression, a from b", regression_ba: "linear regression, b from a",
};

/* All comparisons of a data set: what is at a pair of places for a measure and threshold. The table of a model holds its
   pairs with itself and all earlier models, so the later of the two places says which table; rows count from 1, 0 is none. */
async function comparisons(dataset) {
  const places = Atlas.overview.layers.filter((l) => l.dataset === dataset && l.results.includes("discovered"));
  const models = [...new Set(places.map((l) => l.model))];
  const tables = await Promise.all(models.map((model) => Atlas.table(`models/${dataset}/${model}/similarity`)));
  const of = new Map(models.map((model) => [model, new Map()]));
  places.forEach((l, i) => of.get(l.model).set(l.layer, i));
  const grids = new Map(), kinds = new Map(), n = places.length;
  const gridOf = (measure, threshold) => { // of a hundred thousand rows: no text is made where the grid is known
    if (!kinds.has(measure)) kinds.set(measure, new Map());
    const own = kinds.get(measure);
    if (!own.has(threshold)) { own.set(threshold, new Int32Array(n * n)); grids.set(`${measure}@${threshold ?? ""}`, own.get(threshold)); }
    return own.get(threshold);
  };
  for (const t of tables) {
    const [measure, threshold, modelA, layerA, modelB, layerB] = ["measure", "threshold", "model_a", "layer_a", "model_b", "layer_b"].map((name) => t.reader(name));
    for (let row = 0; row < t.n; row++) {
      const grid = gridOf(measure(row), threshold(row)), i = of.get(modelA(row)).get(layerA(row)), j = of.get(modelB(row)).get(layerB(row));
      grid[i * n + j] = row + 1;
      if (!grid[j * n + i]) grid[j * n + i] = row + 1;
    }
  }
  const byPlace = places.map((l) => models.indexOf(l.model));
  const at = (kind, i, j) => { const row = grids.get(kind)?.[i * n + j]; return row ? [tables[Math.max(byPlace[i], byPlace[j])], row - 1] : null; };
  return { places, kinds: [...grids.keys()], at, find: (kind, a, b) => at(kind, places.indexOf(a), places.indexOf(b)) };
}

Atlas.view("compare", async function ([dataset], query) {
  const all = await comparisons(dataset);
  const state = { measure: query.get("measure") || all.kinds[0] || "", pair: query.get("pair") || "", match: query.get("match") || "", only: query.get("only") || "" };
  const names = all.places.map((l) => `${l.model} ${l.layer}`);
  const choose = h("select", {}, all.kinds.map((kind) => {
    const [measure, threshold] = kind.split("@");
    return h("option", { value: kind, selected: kind === state.measure }, (MEASURES[measure] || measure) + (threshold ? `, masks at ${threshold}` : ""));
  }));
  const matrix = h("div", {}), panel = h("div", { id: "pair", tabindex: "-1" }), facts = h("div", {});
  const draw = async () => {
    const kind = state.measure;
    const cell = (i, j) => all.at(kind, i, j);
    const value = (i, j) => { const found = cell(i, j); return found ? found[0].value(found[1], "value") : null; };
    const describe = (i, j) => {
      const found = cell(i, j);
      if (!found) return "not compared";
      const [t, r] = found;
      if (t.value(r, "value") == null) return `undefined: ${t.value(r, "reason") || "no pair is defined"}`;
      return `${Atlas.format(t.value(r, "value"))}${t.value(r, "low") != null ? `, interval ${Atlas.format(t.value(r, "low"))} to ${Atlas.format(t.value(r, "high"))}` : ""}; by chance ${Atlas.format(t.value(r, "null_high"))}; p ${Atlas.format(t.value(r, "p"))}`;
    };
    matrix.replaceChildren(Atlas.heatmap("Similarity of layers", names, names, { value, describe, cell: Math.max(7, Math.min(44, Math.floor(640 / names.length))), open: (i, j) => { state.pair = pairName(all.places[i], all.places[j]); state.match = ""; openPair(true); } }));
    facts.replaceChildren(...(await positions(dataset, kind)));
    Atlas.remember(state);
  };
  const openPair = async (focus) => {
    Atlas.remember(state);
    panel.replaceChildren(...(await pairPanel(dataset, all, state)));
    if (focus) { panel.focus({ preventScroll: true }); panel.scrollIntoView({ block: "start" }); }
  };
  choose.addEventListener("input", () => { state.measure = choose.value; draw(); if (state.pair) openPair(false); });
  await draw();
  if (state.pair) await openPair(false);
  return {
    title: `Comparison on ${dataset}`, crumbs: [[dataset, Atlas.to("dataset", dataset)]],
    body: [h("h1", {}, `Comparison of layers on ${dataset}`), h("form", { class: "controls", "aria-label": "Measure", on: { submit: (event) => event.preventDefault() } }, h("label", {}, h("span", {}, "Measure"), choose)),
      Atlas.card("Layers against layers", matrix, h("p", { class: "note" }, "A cell opens the concepts that two layers share. ", h("a", { href: Atlas.to("method", "similarity") }, "How this is measured"), Atlas.acrossLinks({ dataset }).map((link, i) => [i ? ", " : ". The same layers on other images: ", link]))), panel, facts, await onlyInOne(dataset, state.only),
      await Atlas.figures((group) => group.method === "similarity" && group.dataset === dataset && !group.model)],
  };
});

const pairName = (a, b) => [a.model, a.layer, b.model, b.layer].join("~");

/* The stored pair: the model that comes later in the sheet is b. */
function ordered(all, pair) {
  const [ma, la, mb, lb] = pair.split("~");
  const index = (m, l) => all.places.findIndex((p) => p.model === m && p.layer === l);
  const [i, j] = [index(ma, la), index(mb, lb)];
  if (i < 0 || j < 0) Atlas.fail(`These layers are not compared: ${pair.replaceAll("~", " ")}.`);
  return i <= j ? [all.places[i], all.places[j]] : [all.places[j], all.places[i]];
}

async function pairPanel(dataset, all, state) {
  const [a, b] = ordered(all, state.pair);
  const file = await Atlas.load(`models/${dataset}/${b.model}/pairs-${a.model}`);
  const found = file.pairs[`${a.layer}~${b.layer}`] || (a.model === b.model && file.pairs[`${b.layer}~${a.layer}`]);
  const close = h("button", { type: "button", on: { click: () => { state.pair = ""; state.match = ""; Atlas.remember(state); panelOf().replaceChildren(); } } }, "Close");
  const layer = (place) => h("a", { href: Atlas.to("layer", dataset, place.model, place.layer) }, `${place.model} ${place.layer}`);
  const head = h("div", { class: "head" }, h("h2", {}, layer(a), " and ", layer(b)), close);
  const known = all.kinds.map((kind) => [kind, all.find(kind, a, b)]).filter(([, f]) => f), first = known.filter(([kind]) => kind === state.measure);
  const table = (caption, rows) => Atlas.rows(caption, ["Measure", "Masks at", "Value [interval]", "By chance", "p"], rows.map(([kind, [t, r]]) => {
    const [measure, threshold] = kind.split("@");
    return [MEASURES[measure] || measure, threshold || "–", t.value(r, "value") == null ? h("span", { data: { tip: t.value(r, "reason") || "undefined" }, tabindex: "0" }, "undefined") : Atlas.cell(t, r, "value", { low: "low", high: "high", chance: "null_high", interval: true }), Atlas.cell(t, r, "null_high"), Atlas.cell(t, r, "p")];
  }), { right: [1, 2, 3, 4] });
  const numbers = h("div", {}, first.length ? table("The measure chosen above", first) : null, h("details", {}, h("summary", {}, `All ${known.length} measures`), table("Every measure of these two layers", known)));
  if (!found) return [Atlas.card(null, head, numbers, h("p", {}, "No concepts of these layers were matched."))];
  const { shape: [thresholds, rows, columns], matched } = found;
  const pictures = h("div", { id: "match", tabindex: "-1" });
  const open = async (i, j, threshold, focus) => {
    state.match = `${i}~${j}~${threshold}`;
    Atlas.remember(state);
    pictures.replaceChildren(...(await Atlas.conceptPictures([a, b], [i, j], threshold)));
    if (focus) pictures.focus({ preventScroll: false });
  };
  const level = h("select", {}, file.thresholds.map((value, k) => h("option", { value: k }, `masks at ${value}`)));
  const host = h("div", { class: "columns" });
  const draw = () => {
    const k = Number(level.value);
    const ucs = (i, j) => found.ucs[(k * rows + i) * columns + j];
    const list = matched.rows.map((row, m) => m).filter((m) => matched.threshold[m] === file.thresholds[k]).sort((x, y) => matched.ucs[y] - matched.ucs[x]);
    host.replaceChildren(
      h("div", {}, h("h3", {}, "Matched concepts"), Atlas.rows("Matched concepts, most alike first", ["Pair", "UCS [interval]", "By chance", "Mutual best", "Pictures"], list.map((m) => {
        const [i, j] = [matched.concept_a[m], matched.concept_b[m]];
        const at = { key: `models/${dataset}/${b.model}/matched`, row: matched.rows[m] };
        return [`${i} – ${j}`, Atlas.number(matched.ucs[m], { ...at, column: "ucs", low: matched.low[m], high: matched.high[m], chance: matched.null_high[m] }, { interval: true }),
          Atlas.number(matched.null_high[m], { ...at, column: "null_high" }), matched.mutual_best[m] ? "yes" : "no", h("button", { type: "button", class: "pair", "aria-label": `Pictures of concepts ${i} and ${j}`, on: { click: () => open(i, j, k, true) } }, "Show")];
      }), { right: [1, 2] })),
      h("div", {}, h("h3", {}, "Every pair of concepts"), Atlas.heatmap(`UCS of concepts of ${a.model} ${a.layer} (rows) and ${b.model} ${b.layer} (columns)`, Array.from({ length: rows }, (_, i) => `concept ${i}`), Array.from({ length: columns }, (_, j) => `concept ${j}`), { value: ucs, open: (i, j) => open(i, j, k, true), low: 0, cell: Math.max(10, Math.min(26, Math.floor(300 / columns))) })));
  };
  level.addEventListener("input", draw);
  draw();
  if (state.match) { const [i, j, k] = state.match.split("~").map(Number); await open(i, j, k, false); }
  return [Atlas.card(null, head, numbers, thresholds > 1 ? h("label", { class: "level" }, h("span", {}, "Concepts, "), level) : null, host, pictures)];
}

const panelOf = () => document.getElementById("pair");

/* The strongest images of two concepts side by side, with their masks. places: two layers; concepts: one of each; names: of
   the sides, where the layers' own do not tell them apart. */
Atlas.conceptPictures = async function (places, concepts, threshold, names = places.map((place) => `${place.model} ${place.layer}`)) {
  const sides = await Promise.all(places.map(async (place, i) => {
    const { size, rows } = await Atlas.load(Atlas.key(place, "found"));
    const own = rows.filter((r) => r.concept === concepts[i] && r.threshold === threshold).sort((x, y) => x.rank - y.rank);
    return h("div", { class: "side" }, h("h3", {}, `${names[i]}, concept ${concepts[i]}`),
      own.length ? h("div", { class: "pictures" }, own.map((r) => Atlas.picture({ dataset: place.dataset, image: r.image, size, mask: r.mask, width: 118, caption: Atlas.format(r.value) }))) : h("p", {}, "No pictures."),
      h("p", {}, h("a", { href: `${Atlas.to("found", place.dataset, place.model, place.layer)}?concept=${concepts[i]}` }, "All pictures of this concept")));
  }));
  return [h("div", { class: "sides" }, sides), h("p", { class: "note" }, "The images in which each concept is strongest; bright: its mask.")];
};

async function positions(dataset, kind) {
  const tables = Atlas.overview.datasets.find((d) => d.dataset === dataset).tables;
  if (!tables.includes("similarity_summary")) return [];
  const [measure, threshold] = kind.split("@");
  const t = await Atlas.table(`study/${dataset}/similarity_summary`);
  const rows = t.rows((r) => t.value(r, "fact") === "position" && t.value(r, "measure") === measure && String(t.value(r, "threshold") ?? "") === threshold);
  if (!rows.length) return [];
  const known = rows.filter((r) => t.value(r, "value") != null).sort((x, y) => t.value(y, "value") - t.value(x, "value"));
  const name = (r) => `${t.value(r, "model_a")} ${t.value(r, "layer_a")} – ${t.value(r, "model_b")} ${t.value(r, "layer_b")}`;
  const open = (r) => `${Atlas.to("compare", dataset)}?measure=${encodeURIComponent(kind)}&pair=${encodeURIComponent(["model_a", "layer_a", "model_b", "layer_b"].map((c) => t.value(r, c)).join("~"))}`;
  return [Atlas.card("Between floor and ceiling", known.length ? Atlas.rows("Where pairs stand between random weights (0) and another seed (1)", ["Pair", "Position [interval]", "Floor", "Ceiling"], known.slice(0, 30).map((r) => [
    h("a", { href: open(r) }, name(r)), Atlas.cell(t, r, "value", { low: "low", high: "high", percent: true, interval: true }), Atlas.cell(t, r, "floor"), Atlas.cell(t, r, "ceiling")]), { right: [1, 2, 3] }) : h("p", {}, `No pair has both: ${[...new Set(rows.map((r) => t.value(r, "reason")).filter(Boolean))].join("; ")}.`))];
}

async function onlyInOne(dataset, chosen) {
  const tables = Atlas.overview.datasets.find((d) => d.dataset === dataset).tables;
  if (!tables.includes("similarity_summary")) return null;
  const t = await Atlas.table(`study/${dataset}/similarity_summary`);
  const rows = t.rows((r) => t.value(r, "fact") === "only_in_one");
  if (!rows.length) return null;
  const groups = new Map();
  for (const r of rows) {
    const name = `${t.value(r, "model_a")}~${t.value(r, "model_b")}`;
    groups.set(name, [...(groups.get(name) || []), r]);
  }
  return Atlas.card("Found in one model only", h("p", { class: "note" }, "Concepts whose best match in the other model does not exceed chance."), [...groups].map(([name, own]) => {
    const [a, b] = name.split("~");
    return h("details", { open: name === chosen }, h("summary", {}, `${own.length} concepts of ${a} without a match in ${b}`), h("ul", { class: "plain inline" }, own.map((r) => h("li", {},
      h("a", { href: `${Atlas.to("found", dataset, a, t.value(r, "layer_a"))}?concept=${encodeURIComponent(t.value(r, "concept"))}` }, `${t.value(r, "layer_a")} concept ${t.value(r, "concept")}`), " ", Atlas.cell(t, r, "value", { chance: "high" })))));
  }));
}

/* The concepts found in one layer without labels. */
Atlas.view("found", async function ([dataset, model, layer], query) {
  const place = Atlas.place(dataset, model, layer);
  const [t, { size, rows, thresholds }] = await Promise.all([Atlas.table(Atlas.key(place, "discovered")), Atlas.load(Atlas.key(place, "found"))]);
  const chosen = query.has("concept") ? Number(query.get("concept")) : null;
  const cards = Array.from({ length: t.n }, (_, row) => row).map((row) => {
    const concept = t.value(row, "concept");
    const shown = rows.filter((r) => r.concept === concept && r.threshold === 0).sort((a, b) => a.rank - b.rank);
    return h("section", { class: concept === chosen ? "card wanted" : "card", id: `concept-${concept}` }, h("h2", {}, `Concept ${concept}`),
      t.value(row, "reason") ? h("p", { class: "note" }, t.value(row, "reason")) : null,
      Atlas.facts([["share of the activation", Atlas.cell(t, row, "share_of_activation", { percent: true })], ["active in", Atlas.cell(t, row, "share_active", { percent: true })], ["stable over images", Atlas.cell(t, row, "stability_images", { low: "stability_images_low", high: "stability_images_high", interval: true })], ["stable over seeds", Atlas.cell(t, row, "stability_seeds", { low: "stability_seeds_low", high: "stability_seeds_high", interval: true })]]),
      h("div", { class: "pictures" }, shown.map((r) => Atlas.picture({ dataset, image: r.image, size, mask: r.mask, width: 128, caption: Atlas.format(r.value) }))));
  });
  return {
    title: `Found in ${model} ${layer}`, crumbs: [[dataset, Atlas.to("dataset", dataset)], [model, Atlas.to("model", dataset, model)], [layer, Atlas.to("layer", dataset, model, layer)]],
    body: [h("h1", {}, `Concepts found in ${model} ${layer} without labels`), h("p", { class: "note" }, `Bright: masks at ${thresholds[0]} of the normaliser.`), Atlas.acrossNote(place), cards],
    after: () => { const own = chosen != null && document.getElementById(`concept-${chosen}`); if (own) setTimeout(() => own.scrollIntoView(), 0); },
  };
});
