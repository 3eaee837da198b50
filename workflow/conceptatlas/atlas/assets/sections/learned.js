"use strict";
Atlas.section({
  name: "learned", title: "Role in learned concept vectors",
  render(context) {
    const shown = context.value("learned"), { dataset } = context.place;
    if (!shown) return null;
    return [h("div", { class: "beside" }, Object.entries(shown).map(([task, { best, weights }]) => h("div", {}, h("h3", {}, task),
      h("p", {}, best.length ? ["Best single filter for ", best.map((concept, i) => [i ? ", " : "", Atlas.linkConcept(dataset, concept)]), "."] : "Best single filter for no concept."),
      Atlas.bars(`Concepts in whose vector the unit weighs most, ${task}`, weights.map(([concept, weight, rank]) => ({ text: concept, value: weight, href: Atlas.to("concept", dataset, concept),
        tip: `${concept}: weight ${Atlas.format(weight)} of a vector of length 1, place ${rank} among the units` })), { unit: "weight / length of the vector", width: 480 })))),
    h("p", { class: "note" }, h("a", { href: Atlas.to("method", "net2vec") }, "How concept vectors are learned"))];
  },
});
