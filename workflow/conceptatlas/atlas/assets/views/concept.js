"use strict";
/* Concepts: all of a data set as a list; one over all models and layers. */

Atlas.view("concepts", async function ([dataset], query) {
  const concepts = await Atlas.load(`study/${dataset}/concepts`);
  const part = h("input", { type: "search", value: query.get("name") || "", placeholder: "part of a name" });
  const category = h("select", {}, h("option", { value: "" }, "all"), Atlas.CATEGORIES.map((c) => h("option", { value: c, selected: c === query.get("category") }, c)));
  const sorts = { detectors: "detectors", best: "best IoU", images: "images", name: "name" };
  const sort = h("select", {}, Object.entries(sorts).map(([key, text]) => h("option", { value: key, selected: key === query.get("sort") }, text)));
  const host = h("div", {}), count = h("p", { class: "count", role: "status" });
  const update = () => {
    const text = part.value.trim().toLowerCase();
    const order = { detectors: (a, b) => b.detectors - a.detectors, best: (a, b) => (b.best ? b.best[3] : -1) - (a.best ? a.best[3] : -1), images: (a, b) => b.n_images - a.n_images, name: (a, b) => a.name.localeCompare(b.name) };
    const rows = concepts.map((c, i) => ({ ...c, i })).filter((c) => (!text || c.name.toLowerCase().includes(text)) && (!category.value || c.category === category.value)).sort(order[sort.value]);
    const shown = rows.slice(0, 400);
    count.textContent = `${rows.length} of ${concepts.length} concepts${rows.length > shown.length ? `, the first ${shown.length} shown` : ""}`;
    host.replaceChildren(Atlas.rows("Concepts of the data set", ["Concept", "Category", "Images", "Detectors", "Best unit", "Its IoU", "Best combination"], shown.map((c) => {
      const place = c.best ? Atlas.overview.layers[c.best[0]] : null;
      return [Atlas.linkConcept(dataset, c.name), Atlas.category(c.category), Atlas.number(c.n_images, { key: `datasets/${dataset}/concepts`, row: c.i, column: "n_images" }), Atlas.said(c.detectors, "units of all models and layers that detect it"),
        place ? Atlas.linkUnit(place, c.best[1]) : "–", c.best ? labelNumber(place, c.best) : "–", Atlas.said(c.learned, "largest IoU of a learned combination with the concept, over all models and layers, on test images")];
    }), { right: [2, 3, 5, 6] }));
    Atlas.remember({ name: part.value.trim(), category: category.value, sort: sort.value === "detectors" ? "" : sort.value });
  };
  for (const control of [part, category, sort]) control.addEventListener("input", update);
  const controls = h("form", { class: "controls", "aria-label": "Filter and sort concepts", on: { submit: (event) => event.preventDefault() } },
    h("label", {}, h("span", {}, "Name"), part), h("label", {}, h("span", {}, "Category"), category), h("label", {}, h("span", {}, "Sort by"), sort), count);
  return { title: `Concepts of ${dataset}`, crumbs: [[dataset, Atlas.to("dataset", dataset)]], body: [h("h1", {}, `Concepts of ${dataset}`), controls, host], after: update };
});

function labelNumber(place, [, , , iou, low, high, row], options) {
  return Atlas.number(iou, { key: Atlas.key(place, "labels"), row, column: "iou_category", low, high }, options);
}

Atlas.findConcept = async function (dataset, name) {
  const list = await Atlas.load(`study/${dataset}/concepts`);
  const index = list.findIndex((concept) => concept.name === name);
  if (index < 0) Atlas.fail(`${dataset} has no concept called ${name}.`);
  const size = Atlas.overview.chunks.concepts;
  const chunk = await Atlas.load(`study/${dataset}/concepts-${Math.floor(index / size)}`);
  return { concept: chunk[index % size], index };
};

Atlas.view("concept", async function ([dataset, name]) {
  const { concept, index } = await Atlas.findConcept(dataset, name);
  const layers = Atlas.overview.layers;
  const body = [h("div", { class: "head" }, h("h1", {}, concept.name), h("p", {}, Atlas.category(concept.category))),
    h("div", { class: "card" }, Atlas.facts([["categories", concept.categories.join(", ")], ["images", Atlas.number(concept.n_images, { key: `datasets/${dataset}/concepts`, row: index, column: "n_images" })],
      ["pixels", Atlas.number(concept.n_pixels, { key: `datasets/${dataset}/concepts`, row: index, column: "n_pixels" })], ["detectors", Atlas.said(concept.layers.reduce((n, [, k]) => n + k, 0), "units of all models and layers that detect it")]]))];
  if (concept.layers.length) body.push(Atlas.card("Detectors by layer", Atlas.bars("Units labelled with it, by layer", [...concept.layers].sort((a, b) => a[0] - b[0]).slice(0, 40).map(([p, n]) => ({
    text: `${layers[p].model} ${layers[p].layer}`, value: n, category: concept.category, href: `${Atlas.to("layer", dataset, layers[p].model, layers[p].layer)}?label=${encodeURIComponent(concept.name)}` })), { unit: "detectors", labels: 190 })));
  body.push(await bestUnits(dataset, concept));
  body.push(...learnedCards(dataset, concept));
  if (concept.profiles) body.push(profileCard(dataset, concept));
  body.push(await Atlas.figures((group, figure) => group.dataset === dataset && figure.concept === name, { heading: (group) => `${Atlas.methodName(group.method)}, ${group.model}` }));
  return { title: concept.name, crumbs: [[dataset, Atlas.to("dataset", dataset)], ["Concepts", Atlas.to("concepts", dataset)]], body: body.filter(Boolean) };
});

async function bestUnits(dataset, concept) {
  if (!concept.units.length) return Atlas.card("Best units", h("p", {}, "It is among the best labels of no unit."));
  const shown = concept.units.slice(0, 12);
  const strips = h("ul", { class: "strips" }, shown.map((entry) => {
    const place = Atlas.overview.layers[entry[0]];
    return h("li", {}, h("a", { class: "unit", href: Atlas.to("unit", place.dataset, place.model, place.layer, entry[1]) }, Atlas.thumbnails(place, entry[1]), h("span", { class: "line" }, `${place.model} ${place.layer} unit ${entry[1]}`)),
      h("span", { class: "line" }, "IoU ", labelNumber(place, entry, { interval: true })));
  }));
  const rest = concept.units.slice(12);
  return Atlas.card("Best units of all models", strips, rest.length ? h("details", {}, h("summary", {}, `${rest.length} more`), Atlas.rows("Further units, by IoU", ["Unit", "Rank of this label", "IoU [interval]"], rest.map((entry) => {
    const place = Atlas.overview.layers[entry[0]];
    return [Atlas.linkUnit(place, entry[1]), entry[2], labelNumber(place, entry, { interval: true })];
  }), { right: [1, 2] })) : null);
}

/* Combinations of all models and layers, the best first: numbers of all, the vector and pictures of the best, the others' when
   they are opened. */
function learnedCards(dataset, concept) {
  const layers = Atlas.overview.layers, cards = [];
  for (const [task, title, unit] of [["segmentation", "Best combinations of units", "IoU on test images"], ["classification", "Best combinations as classifiers", "accuracy on test images"]]) {
    const own = concept.learned.filter((entry) => entry.task === task).sort((a, b) => (b.value ?? -1) - (a.value ?? -1));
    if (!own.length) continue;
    const known = own.filter((entry) => entry.value != null), seg = task === "segmentation";
    const name = (entry) => `${layers[entry.place].model} ${layers[entry.place].layer}`;
    const ends = seg ? ["combination_val_low", "combination_val_high"] : ["accuracy_low", "accuracy_high"];
    const single = (entry) => (seg ? entry.single_val : entry.one_accuracy);
    if (known.length) cards.push(Atlas.card(`${title}, all models`, Atlas.dots(`${title} over all models and layers`, known.slice(0, 40).map((entry) => ({
      text: name(entry), value: entry.value, low: entry[ends[0]], high: entry[ends[1]], ceiling: single(entry), marks: { ceiling: "best single unit" }, href: `${Atlas.to("table", ...Atlas.key(layers[entry.place], task).split("/"))}?row=${entry.row}` })), { unit, to: seg ? null : 1 }),
    h("p", { class: "note" }, "Dot and line: the combination with its interval. Bar: the best single unit. ", h("a", { href: Atlas.to("method", "net2vec") }, "How this is measured"))));
    const [best, ...others] = own;
    cards.push(learnedCard(dataset, concept, best));
    if (others.length) cards.push(h("section", { class: "card" }, h("h2", {}, `Net2Vec ${task} in other layers`), others.map((entry) => {
      const folded = h("details", {}, h("summary", {}, `${name(entry)}: ${entry.value == null ? "not learned" : Atlas.format(entry.value)}`));
      folded.addEventListener("toggle", () => { if (folded.open && folded.children.length === 1) folded.append(learnedCard(dataset, concept, entry)); });
      return folded;
    })));
  }
  return cards;
}

function learnedCard(dataset, concept, entry) {
  const place = Atlas.overview.layers[entry.place];
  const title = `Net2Vec ${entry.task} in ${place.model} ${place.layer}`;
  if (entry.reason && entry.value == null) return Atlas.card(title, h("p", {}, `Not learned: ${entry.reason}`));
  const key = Atlas.key(place, entry.task);
  const number = (column, low, high) => Atlas.number(entry[column], { key, row: entry.row, column, low: entry[low], high: entry[high] }, { interval: true });
  const seg = entry.task === "segmentation";
  const unit = seg ? entry.single_unit : entry.one_unit;
  const facts = Atlas.facts([
    [seg ? "combination, IoU" : "combination, accuracy", seg ? number("combination_val", "combination_val_low", "combination_val_high") : number("accuracy", "accuracy_low", "accuracy_high")],
    [seg ? "best single unit, IoU" : "best single unit, accuracy", seg ? number("single_val", "single_val_low", "single_val_high") : number("one_accuracy")],
    ["that unit", unit == null ? null : Atlas.linkUnit(place, unit, `unit ${unit}`)], ["gain", number("gain", "gain_low", "gain_high")], ["images (learn / test)", `${entry.n_train} / ${entry.n_val}`]]);
  const parts = [facts];
  const columns = [];
  if (entry.weights) columns.push(h("div", {}, h("h3", {}, `Learned vector: the ${entry.weights.length} largest of ${entry.n_units} weights`), Atlas.bars("Largest weights of the learned vector", entry.weights.map(([u, w]) => ({ text: `unit ${u}`, value: w, href: Atlas.to("unit", place.dataset, place.model, place.layer, u) })), { unit: "weight / length", width: 420, labels: 80 })));
  if (entry.neighbours) columns.push(h("div", {}, h("h3", {}, "Nearest concepts"), Atlas.rows("Nearest concepts by cosine", ["Concept", "Cosine", "Above"], entry.neighbours.map(([other, cosine, above, row]) => [Atlas.linkConcept(dataset, other), Atlas.number(cosine, { key: Atlas.key(place, "neighbours"), row, column: "cosine" }), Atlas.number(above, { key: Atlas.key(place, "neighbours"), row, column: "above" })]), { right: [1, 2] })));
  if (entry.deciles && entry.deciles[1].length) columns.push(h("div", {}, h("h3", {}, "IoU of single images"), Atlas.lines("Deciles of the IoU of single images", ["best single unit", "combination"].map((name, k) => ({ name, points: entry.deciles[k].map((y, x) => ({ x: x * 10, y, tip: `${name}, ${x * 10} % of the images at most ${Atlas.format(y)}` })) })), { xlabel: "percent of the test images", ylabel: "IoU at most", width: 480, height: 240 })));
  parts.push(h("div", { class: "columns" }, columns));
  if (entry.examples && entry.examples.length) parts.push(h("h3", {}, "Pictures by decile of IoU, best first"), h("div", { class: "pictures" }, entry.examples.map((e) => Atlas.picture({ dataset, image: e.image, size: e.size, mask: e.mask, label: e.label, width: 118, caption: `IoU ${Atlas.format(e.iou, { digits: 2 })}` }))), h("p", { class: "note" }, "Bright: predicted by the combination. Coloured: labelled."));
  if (entry.failures && entry.failures.length) parts.push(h("h3", {}, "Where the combination fails"), h("div", { class: "pictures" }, entry.failures.map(([image, combined, single, pixels]) => Atlas.picture({ dataset, image, width: 104, caption: `IoU ${Atlas.format(combined, { digits: 2 })}, ${pixels} px labelled` }))));
  return Atlas.card(title, parts);
}

function profileCard(dataset, concept) {
  const rows = concept.profiles.map((p) => {
    const place = Atlas.overview.layers[p.place];
    const at = { key: Atlas.key(place, "profiles"), row: p.row };
    return [h("a", { href: Atlas.to("layer", dataset, place.model, place.layer) }, `${place.model} ${place.layer}`),
      p.balanced_accuracy == null ? p.reason || "–" : Atlas.number(p.balanced_accuracy, { ...at, column: "balanced_accuracy", low: p.balanced_accuracy_low, high: p.balanced_accuracy_high, chance: p.null_high }, { interval: true }),
      Atlas.number(p.null_high, { ...at, column: "null_high" }), p.recognised ? "yes" : "no"];
  });
  return Atlas.card("Is it recognised by a layer as a whole?", Atlas.rows("A linear classifier of the concept in each layer", ["Layer", "Balanced accuracy [interval]", "By chance", "Recognised"], rows, { right: [1, 2] }));
}
