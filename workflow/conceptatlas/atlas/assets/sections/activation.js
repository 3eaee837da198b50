"use strict";
Atlas.section({
  name: "activation", title: "Activations and threshold",
  render(context) {
    const shown = context.value("activation");
    if (!shown) return null;
    const t = context.units, row = context.row;
    return h("div", { class: "beside" }, h("div", {}, Atlas.histogram("Distribution of the unit's activations", shown, shown.threshold)),
      h("div", {}, Atlas.facts([["images it fires in", Atlas.format(shown.images)], ...(t ? [["smallest", Atlas.cell(t, row, "minimum")], ["mean", Atlas.cell(t, row, "mean")], ["standard deviation", Atlas.cell(t, row, "standard_deviation")], ["largest", Atlas.cell(t, row, "maximum")]] : [])]),
        h("p", { class: "note" }, "Heights are logarithmic. Highlighted: above T.")));
  },
});
