"use strict";
Atlas.section({
  name: "principal_axes", title: "Principal directions it leads",
  async render(context) {
    if (!context.has("principal")) return null;
    const t = await context.table("principal"), { dataset } = context.place;
    const rows = t.where({ unit: context.unit });
    if (!rows.length) return null;
    return Atlas.rows("Concepts whose first principal direction loads most on this unit", ["Concept", "Verdict", "Share of the unit [interval]", "Participation"], rows.map((row) => [
      Atlas.linkConcept(dataset, t.value(row, "concept")), t.value(row, "verdict").replaceAll("_", " "), Atlas.cell(t, row, "max_u2", { low: "max_u2_low", high: "max_u2_high", interval: true }), Atlas.cell(t, row, "participation")]), { right: [2, 3] });
  },
});
