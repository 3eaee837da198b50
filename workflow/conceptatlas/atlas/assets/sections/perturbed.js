"use strict";
Atlas.section({
  name: "perturbed", title: "Robustness",
  async render(context) {
    if (!context.has("robustness")) return null;
    const t = await context.table("robustness"), { dataset } = context.place;
    const rows = t.where({ unit: context.unit });
    if (!rows.length) return null;
    const fate = (row) => t.value(row, "is_kept") ? "kept" : t.value(row, "is_relabelled") ? ["now ", Atlas.linkConcept(dataset, t.value(row, "best_concept"))] : t.value(row, "is_lost") ? "lost" : "no detector before";
    const kinds = [...new Set(rows.map((r) => t.value(r, "kind")))];
    const clean = t.value(rows[0], "iou_clean");
    const series = kinds.map((kind) => ({ name: kind, points: [{ x: 0, y: clean, tip: `unperturbed: ${Atlas.format(clean)}` }, ...rows.filter((r) => t.value(r, "kind") === kind).sort((a, b) => t.value(a, "amount") - t.value(b, "amount")).map((r, i) => ({
      x: i + 1, y: t.value(r, "iou"), low: t.value(r, "ci_low"), high: t.value(r, "ci_high"), tip: `${t.value(r, "level")}: IoU ${Atlas.format(t.value(r, "iou"))}, interval ${Atlas.format(t.value(r, "ci_low"))} to ${Atlas.format(t.value(r, "ci_high"))}` }))] }));
    const steps = Math.max(...series.map((s) => s.points.length));
    return [h("div", { class: "beside" }, Atlas.rows("The unit's label on perturbed images", ["Level", "IoU [interval]", "Change [interval]", "Agreement of masks", "Label"], rows.map((row) => [
      t.value(row, "level"), Atlas.cell(t, row, "iou", { low: "ci_low", high: "ci_high", interval: true }), Atlas.cell(t, row, "iou_change", { low: "change_low", high: "change_high", interval: true }),
      Atlas.cell(t, row, "agreement", { low: "agreement_low", high: "agreement_high", interval: true }), fate(row)]), { right: [1, 2, 3] }),
    Atlas.lines("IoU of the unit's label against the level of each perturbation", series, { names: ["none", ...Array.from({ length: steps - 1 }, (_, i) => `level ${i + 1}`)], xlabel: "level of the perturbation", ylabel: "IoU", width: 560, height: 240 })),
    h("p", { class: "note" }, h("a", { href: Atlas.to("method", "robustness") }, "How this is measured"))];
  },
});
