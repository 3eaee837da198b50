"use strict";
/* A data set: what it holds, whom its pictures belong to, which concepts it labels. */

Atlas.view("dataset", async function ([dataset]) {
  if (!Atlas.overview.datasets.some((d) => d.dataset === dataset)) Atlas.fail(`This study has no pages of a data set ${dataset}.`);
  const about = await Atlas.load(`datasets/${dataset}/about`);
  const layers = Atlas.overview.layers.filter((l) => l.dataset === dataset);
  const { tables } = Atlas.overview.datasets.find((d) => d.dataset === dataset);
  const models = [...new Set(layers.map((l) => l.model))];
  const some = Array.from({ length: Math.min(24, about.n_images) }, (_, i) => Math.floor((i * about.n_images) / Math.min(24, about.n_images)));
  return {
    title: dataset, crumbs: [],
    body: [h("h1", {}, dataset),
      h("p", { class: "ways" }, [["Concepts", Atlas.to("concepts", dataset)], tables.includes("similarity_summary") ? ["Comparison of layers", Atlas.to("compare", dataset)] : null].filter(Boolean).map(([text, href]) => h("a", { class: "button", href }, text))),
      Atlas.card("Images and labels", Atlas.facts([["format", about.format], ["images", Atlas.format(about.n_images)], ["usable", Atlas.format(about.n_valid)], ["quarantined", about.n_quarantined],
        ["concepts", h("a", { href: Atlas.to("concepts", dataset) }, Atlas.format(about.n_concepts))], ["frame", `${about.frame}, ${about.frame_size} px`], ["mask side", `${about.mask_size} cells`], ["digest of the images", h("code", {}, about.image_list_digest)]]),
        about.quarantine.length ? Atlas.rows("Images that could not be read", ["Image", "Reason"], about.quarantine.map((q) => [q.image_id, q.reason]), { prose: true }) : null),
      Atlas.card("Models on these images", h("ul", { class: "plain" }, models.map((m) => h("li", {}, h("a", { href: Atlas.to("model", dataset, m) }, m)))), Atlas.acrossNote({ dataset })),
      Atlas.card("Some images", h("div", { class: "pictures" }, some.map((image) => Atlas.picture({ dataset, image, width: 104 })))),
      await Atlas.figures((group) => group.method === "datasets" && group.dataset === dataset),
      Atlas.card("Credits", Atlas.rows("Licence and author of the images", ["Author", "Licence", "Images"], about.credits.map(([licence, name, n]) => [name || "unknown", licence || "unknown", n]), { right: [2] }))],
  };
});
