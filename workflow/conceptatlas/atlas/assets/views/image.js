"use strict";
/* An image: what is labelled in it, which units it drives hardest. */

Atlas.view("image", async function ([dataset, name], query) {
  const image = Number(name), size = Atlas.overview.chunks.images;
  const about = await Atlas.load(`datasets/${dataset}/about`);
  if (!Number.isInteger(image) || image < 0 || image >= about.n_images) Atlas.fail(`${dataset} has images 0 to ${about.n_images - 1}; there is no image ${name}.`);
  const [chunk, fires, concepts] = await Promise.all([Atlas.load(`datasets/${dataset}/images-${Math.floor(image / size)}`), Atlas.load(`study/${dataset}/fires-${Math.floor(image / size)}`), Atlas.load(`study/${dataset}/concepts`)]);
  const own = chunk.images[image - chunk.first], { units: rows, concepts: learned } = fires[image % size];
  const step = (other, text) => other >= 0 && other < about.n_images ? h("a", { href: Atlas.to("image", dataset, other) }, text) : null;
  const body = [h("div", { class: "head" }, h("h1", {}, `Image ${image}`), h("p", { class: "steps" }, step(image - 1, `← ${image - 1}`), step(image + 1, `${image + 1} →`))),
    h("div", { class: "columns" }, own.valid ? h("div", { class: "large" }, Atlas.picture({ dataset, image, width: 320, name: `image ${own.image_id}` })) : h("p", { class: "note" }, "This image could not be read."),
      h("div", {}, Atlas.facts([["name", own.image_id], ["source", own.source], ["split", own.split], ["size", `${own.width} × ${own.height}`], ["author", own.attribution], ["licence", own.licence]]))),
    Atlas.card("Labelled concepts", own.labels.length ? h("ul", { class: "plain inline" }, own.labels.map(([concept, share]) => h("li", {}, Atlas.linkConcept(dataset, concepts[concept].name), h("small", {}, ` ${Atlas.format(share, { percent: true, digits: 2 })}`)))) : h("p", {}, "None."))];
  const units = rows.slice(0, 60), seen = learned.filter(([, , , combined]) => combined > 0), found = seen.slice(0, 60);
  const cards = [];
  cards.push(Atlas.card("Units that fire most here", units.length ? [Atlas.rows("Units among whose top images it is", ["Unit", "Label", "Rank", "Activation"], await Promise.all(units.map(async ([p, unit, rank, value]) => {
    const place = Atlas.overview.layers[p];
    const search = await Atlas.load("study/search");
    const word = search.words[search.layers[p][unit]];
    return [Atlas.linkUnit(place, unit), word ? Atlas.linkConcept(dataset, word) : "–", Atlas.said(rank, "place of this image among all, by the unit's largest activation in it"), Atlas.said(value, "largest value of the unit's map in this image")];
  })), { right: [2, 3] }), rows.length > units.length ? h("p", { class: "note" }, `${rows.length - units.length} more units`) : null] : h("p", {}, "It is among the top images of no unit.")));
  if (found.length) cards.push(Atlas.card("Concepts that learned combinations find here", Atlas.rows("IoU in this image with the labels, of the combination and of the best single unit", ["Concept", "Layer", "Combination", "Single unit"], found.map(([p, concept, single, combined]) => {
    const place = Atlas.overview.layers[p];
    return [Atlas.linkConcept(dataset, concepts[concept].name), h("a", { href: Atlas.to("layer", dataset, place.model, place.layer) }, `${place.model} ${place.layer}`), Atlas.said(combined, "IoU of the learned combination's mask with the labelled pixels of this image"), Atlas.said(single, "the same of the best single unit")];
  }), { right: [2, 3] }), h("p", { class: "note" }, [seen.length > found.length ? `${seen.length - found.length} more. ` : "", learned.length > seen.length ? `${learned.length - seen.length} further combinations miss their concept in this image.` : ""])));
  body.push(h("div", { class: "columns" }, cards));
  return { title: `Image ${image}`, crumbs: [[dataset, Atlas.to("dataset", dataset)]], body };
});
