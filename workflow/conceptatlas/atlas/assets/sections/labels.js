"use strict";
Atlas.section({
  name: "labels", title: "Labels",
  async render(context) {
    if (!context.has("labels")) return null;
    const t = await context.table("labels"), { dataset } = context.place;
    const rows = t.where({ unit: context.unit });
    if (!rows.length) return null;
    const cell = (row, column, options) => Atlas.cell(t, row, column, options);
    return [h("div", { class: "beside" }, Atlas.rows("The unit's best concepts", ["Concept", "Category", "IoU [interval]", "IoU, all images", "F1", "Pearson", "Cosine", "AUPRC", "Images"], rows.map((row) => [
      Atlas.linkConcept(dataset, t.value(row, "concept")), Atlas.category(t.value(row, "category")),
      cell(row, "iou_category", { low: "ci_low", high: "ci_high", interval: true }), cell(row, "iou_all"), cell(row, "f1"), cell(row, "pearson"), cell(row, "cosine"), cell(row, "auprc"), cell(row, "n_images_with_concept")]),
    { right: [2, 3, 4, 5, 6, 7, 8] }),
    Atlas.dots("IoU of the unit's best concepts", rows.map((row, i) => ({ text: t.value(row, "concept"), value: t.value(row, "iou_category"), low: t.value(row, "ci_low"), high: t.value(row, "ci_high"),
      category: t.value(row, "category"), chance: i === 0 ? context.units.value(context.row, "null_high") : null, href: Atlas.to("concept", dataset, t.value(row, "concept")) })), { unit: "IoU", width: 560 })),
    h("p", { class: "note" }, "Small mark: 95 % point of the unit's best IoU under permuted labels. ", h("a", { href: Atlas.to("method", "dissection") }, "How this is measured"))];
  },
});
