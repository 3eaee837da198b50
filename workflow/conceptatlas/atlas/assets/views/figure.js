"use strict";
/* One figure: large, with its caption, between its neighbours. */

Atlas.view("figure", async function (args) {
  const file = args.join("/"), groups = await Atlas.figureList();
  const group = groups.find((one) => one.figures.some((figure) => figure.file === file));
  if (!group) Atlas.fail(`There is no figure ${file}.`);
  const { method, dataset, model, generator } = group, at = group.figures.findIndex((one) => one.file === file), figure = group.figures[at];
  const step = (other, text) => (other ? h("a", { href: Atlas.figureAddress(other) }, text) : null);
  const known = (layer) => Atlas.overview.layers.some((l) => l.dataset === dataset && l.model === model && (layer == null || l.layer === layer));
  const crumbs = [];
  if (Atlas.overview.datasets.some((d) => d.dataset === dataset)) crumbs.push([dataset, Atlas.to("dataset", dataset)]);
  if (known()) crumbs.push([model, Atlas.to("model", dataset, model)]);
  if (figure.layer && known(figure.layer)) crumbs.push([figure.layer, Atlas.to("layer", dataset, model, figure.layer)]);
  const linked = Atlas.overview.linked.find((one) => one.generator === generator && one.model === model);
  if (linked) crumbs.push([`${model} through ${generator}`, Atlas.to("linked", linked.dataset, model, generator)]);
  const page = method === "datasets" ? null : h("a", { href: Atlas.to("method", method) }, Atlas.methodName(method));
  const caption = Atlas.figureCaption(figure, { place: false });
  return {
    title: caption, crumbs,
    body: [h("div", { class: "head" }, h("h1", {}, caption[0].toUpperCase() + caption.slice(1)), h("p", { class: "steps" }, step(group.figures[at - 1], "← previous"), step(group.figures[at + 1], "next →"))),
      h("p", {}, [page, Atlas.figurePlace(group), figure.layer, figure.concept && Atlas.overview.datasets.some((d) => d.dataset === dataset) ? Atlas.linkConcept(dataset, figure.concept) : null].filter(Boolean).map((part, i) => [i ? " · " : "", part])),
      h("figure", { class: "large-figure card" }, Atlas.figureImage(figure, caption)),
      h("p", { class: "note" }, "A copy made for this page; the figure itself, in all its formats, is ", h("code", {}, `figures/${file.replace(/\.webp$/, ".png")}`), " in the folder of the study.")],
  };
});
