"use strict";
/* The figures of the study as small copies: thumbnails on the pages they belong to, each with a page of its own. */

/* All groups of figures: {method, dataset, model, generator, figures: [{file, size, shows, layer, concept, page}]}. */
Atlas.figureList = function () {
  if (!Atlas.overview.figures) return Promise.resolve([]);
  return Atlas.load("figures/index").catch(() => []); // the figures may not be drawn yet
};

Atlas.figureAddress = function ({ file }) { return Atlas.to("figure", ...file.split("/")); };
Atlas.figureImage = function ({ file, size: [width, height] }, alt = "") {
  return h("img", { src: ["figures", ...file.split("/")].map(encodeURIComponent).join("/"), width, height, loading: "lazy", decoding: "async", alt });
};
Atlas.figureCaption = function ({ shows, layer, page }, { place = true } = {}) {
  return `${place && layer ? `${layer}: ` : ""}${shows}${page > 1 ? `, part ${page}` : ""}`;
};
Atlas.figurePlace = function ({ dataset, model, generator }) { return [model || (generator ? "" : "all models"), generator && `through ${generator}`, dataset && `on ${dataset}`].filter(Boolean).join(" "); };

const METHOD_NAMES = { dissection: "Network dissection", rotation: "Rotated bases", principal: "Principal directions", open_vocabulary: "Labels in words", falcon: "FALCON", net2vec: "Net2Vec", similarity: "Similarity", linking: "Linking in Style", robustness: "Robustness", datasets: "Data set" };
Atlas.methodName = (id) => METHOD_NAMES[id] || id;

const AT_ONCE = 5; // a row of a laptop

function strip(figures, options) {
  const one = (figure) => h("li", {}, h("a", { href: Atlas.figureAddress(figure) }, Atlas.figureImage(figure), h("span", {}, Atlas.figureCaption(figure, options))));
  const list = (some) => h("ul", { class: "figures" }, some.map(one));
  if (figures.length <= AT_ONCE + 1) return list(figures);
  const more = h("details", {}, h("summary", {}, `${figures.length - AT_ONCE} more`));
  more.addEventListener("toggle", () => { if (more.open && more.children.length === 1) more.append(list(figures.slice(AT_ONCE))); });
  return [list(figures.slice(0, AT_ONCE)), more];
}

/* A card of the figures that `wanted(group, figure)` chooses, or nothing. Where several groups have some, each has a
   heading; `fold`: what is in a group shows when it is opened. heading(group): its text. */
Atlas.figures = async function (wanted, { title = "Figures", fold = false, heading = (group) => Atlas.methodName(group.method), place = true } = {}) {
  const byHeading = new Map();
  for (const group of await Atlas.figureList()) {
    const own = group.figures.filter((figure) => wanted(group, figure));
    if (own.length) byHeading.set(heading(group), [...(byHeading.get(heading(group)) || []), ...own]);
  }
  if (!byHeading.size) return null;
  const parts = [...byHeading].map(([name, figures]) => {
    if (!fold) return [byHeading.size > 1 ? h("h3", {}, name) : null, strip(figures, { place })];
    const folded = h("details", {}, h("summary", {}, `${name} (${figures.length})`));
    folded.addEventListener("toggle", () => { if (folded.open && folded.children.length === 1) folded.append(...[strip(figures, { place })].flat()); });
    return folded;
  });
  return Atlas.card(title, parts);
};
