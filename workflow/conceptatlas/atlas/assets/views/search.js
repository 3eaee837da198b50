"use strict";
/* Search over concepts, units (by label or by name, "residual stage4 12"), models, layers and methods. */

const SINGULAR = { "Groups of features": "Group of features", "Comparisons of data sets": "Comparison of data sets" };

Atlas.view("search", async function (args, query) {
  const text = (query.get("q") || "").trim(), words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const field = document.getElementById("query");
  if (field.value.trim() !== text && document.activeElement !== field) field.value = text;
  const [search, { methods }] = await Promise.all([Atlas.load("study/search"), Atlas.load("study/methods")]);
  const { layers, datasets } = Atlas.overview;
  const fits = (name) => words.every((word) => String(name).toLowerCase().includes(word));
  const groups = [];
  const concepts = (await Promise.all(datasets.map(async ({ dataset }) => (await Atlas.load(`study/${dataset}/concepts`)).filter((c) => fits(c.name)).map((c) => ({ ...c, dataset }))))).flat()
    .sort((a, b) => a.name.length - b.name.length || b.detectors - a.detectors);
  groups.push(["Concepts", concepts.length, concepts.slice(0, 40).map((c) => [Atlas.linkConcept(c.dataset, c.name), h("small", {}, ` ${c.category}, ${c.detectors} detectors${datasets.length > 1 ? `, ${c.dataset}` : ""}`)])]);
  const named = layers.filter((l) => fits(`${l.model} ${l.layer} ${l.dataset}`));
  groups.push(["Layers", named.length, named.slice(0, 30).map((l) => h("a", { href: Atlas.to("layer", l.dataset, l.model, l.layer) }, `${l.model} ${l.layer}`))]);
  const models = [...new Map(layers.filter((l) => fits(l.model)).map((l) => [`${l.dataset}/${l.model}`, l])).values()];
  groups.push(["Models", models.length, models.map((l) => h("a", { href: Atlas.to("model", l.dataset, l.model) }, l.model))]);
  const crossed = Atlas.overview.across.flatMap(({ model, sets }) => sets.flatMap(([a, b, own]) => own.filter((layer) => fits(`${model} ${layer} ${a} ${b}`)).map((layer) => h("a", { href: Atlas.to("across", a, b, model, layer) }, `${model} ${layer} on ${a} and ${b}`))));
  groups.push(["Comparisons of data sets", crossed.length, crossed.slice(0, 30)]);
  const numbers = words.filter((word) => /^\d+$/.test(word)), rest = words.filter((word) => !/^\d+$/.test(word) && word !== "unit");
  const units = [];
  let n = 0;
  const codes = new Set(search.words.map((word, i) => (fits(word || "") ? i : -1)).filter((i) => i >= 0));
  layers.forEach((l, p) => {
    const here = rest.every((word) => `${l.model} ${l.layer} ${l.dataset}`.toLowerCase().includes(word));
    if (numbers.length === 1 && here && Number(numbers[0]) < l.n_units) { n++; units.push([l, Number(numbers[0]), search.words[search.layers[p][Number(numbers[0])]]]); }
    (search.said[p] || []).forEach((text, unit) => { if (text && fits(text) && !codes.has(search.layers[p][unit])) { n++; if (units.length < 60) units.push([l, unit, `${search.words[search.layers[p][unit]] || ""} (in words: ${Atlas.short(text, 60)})`]); } });
    search.layers[p].forEach((code, unit) => { if (codes.has(code)) { n++; if (units.length < 60) units.push([l, unit, search.words[code]]); } });
  });
  groups.push(["Units", n, units.slice(0, 60).map(([l, unit, word]) => [Atlas.linkUnit(l, unit), h("small", {}, ` ${word || ""}`)])]);
  const grouped = layers.flatMap((l, p) => (search.groups[p] || []).filter(([, group, text]) => group.includes("-") && fits(text)).map((found) => [l, ...found]));
  groups.push(["Groups of features", grouped.length, grouped.slice(0, 40).map(([l, which, group, text]) => [Atlas.linkGroup(l, which, group, `${l.model} ${l.layer} ${group.replaceAll("-", " + ")}`), h("small", {}, ` ${Atlas.short(text, 60)}`)])]);
  const about = methods.filter((m) => fits([m.title, m.question, ...m.definition].join(" ")));
  groups.push(["Methods", about.length, about.map((m) => h("a", { href: Atlas.to("method", m.id) }, m.title))]);
  const drawn = (await Atlas.figureList()).flatMap((group) => group.figures.filter((figure) => fits([figure.shows, figure.layer, figure.concept, Atlas.methodName(group.method), Atlas.figurePlace(group)].join(" "))).map((figure) => [group, figure]));
  groups.push(["Figures", drawn.length, drawn.slice(0, 30).map(([group, figure]) => [h("a", { href: Atlas.figureAddress(figure) }, Atlas.figureCaption(figure)), h("small", {}, ` ${Atlas.figurePlace(group)}`)])]);
  const found = groups.filter(([, count]) => count);
  return {
    title: `Search: ${text}`,
    body: [h("h1", {}, text ? `Search: ${text}` : "Search"), h("p", { role: "status" }, found.length ? found.map(([name, count]) => `${count} ${(count === 1 ? SINGULAR[name] || name.slice(0, -1) : name).toLowerCase()}`).join(", ") : text ? "Nothing found." : "Type into the field above."),
      found.map(([name, count, items]) => Atlas.card(`${name} (${count})`, h("ul", { class: "plain inline results" }, items.map((item) => h("li", {}, item))), count > items.length ? h("p", { class: "note" }, `the first ${items.length}`) : null))],
  };
});
