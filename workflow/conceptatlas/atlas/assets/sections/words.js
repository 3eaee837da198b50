"use strict";
Atlas.section({
  name: "words", title: "In words",
  async render(context) {
    const parts = [];
    for (const [which, t] of await context.several("wording")) parts.push(await openVocabulary(context, which, t));
    for (const [which, t] of await context.several("explained")) parts.push(groupsOf(context, which, t));
    const shown = parts.filter(Boolean);
    return shown.length ? shown : null;
  },
});

/* Labels by an image-text model, and whether they agree with the label from masks. */
async function openVocabulary(context, which, t) {
  const rows = t.where({ unit: context.unit });
  if (!rows.length) return null;
  const agreement = (await context.several("wordings")).find(([other]) => other === which);
  const both = agreement ? agreement[1].where({ unit: context.unit })[0] : null;
  return h("div", {}, h("h3", {}, `By an image-text model (${which.replace("~", ", ")})`),
    Atlas.rows("Labels in words, scored on images that did not choose them", ["Words", "Correlation [interval]", "By chance", "p", "q"], rows.map((row) => [
      t.value(row, "concept"), Atlas.cell(t, row, "correlation", { low: "ci_low", high: "ci_high", interval: true }), Atlas.cell(t, row, "null_high"), Atlas.cell(t, row, "p"), Atlas.cell(t, row, "q")]), { right: [1, 2, 3, 4] }),
    both == null ? null : agreeing(context, agreement[1], both));
}

function agreeing(context, t, row) {
  const mask = t.value(row, "mask_concept");
  if (!mask) return null;
  const same = t.value(row, "same_name") === 1;
  return h("p", {}, h("span", { class: same ? "badge" : "badge weak" }, same ? "labels agree" : "labels differ"), " masks say ", Atlas.linkConcept(context.place.dataset, mask),
    ", correlation ", Atlas.cell(t, row, "mask_correlation", { low: "mask_ci_low", high: "mask_ci_high", interval: true }), "; difference of the two ", Atlas.cell(t, row, "difference", { low: "difference_low", high: "difference_high", interval: true }), ".");
}

/* FALCON's groups of features that the unit is in: a group is its features, joined by a dash. */
function groupsOf(context, which, t) {
  const rows = t.rows((row) => String(t.value(row, "group")).split("-").includes(String(context.unit)));
  if (!rows.length) return null;
  const groups = rows.sort((a, b) => t.value(a, "n_features") - t.value(b, "n_features")).slice(0, 12);
  return h("div", {}, h("h3", {}, `By captions of its images (FALCON; ${which.replace("~", ", ")})`),
    Atlas.rows("Groups of features it is in, smallest first", ["Features", "Words", "Similarity of the crops [interval]", "Explained"], groups.map((row) => [
      String(t.value(row, "group")).split("-").map((other, i) => [i ? " + " : "", h("a", { href: Atlas.to("unit", context.place.dataset, context.place.model, context.place.layer, other) }, other)]),
      Atlas.linkGroup(context.place, which, String(t.value(row, "group")), t.value(row, "words") || "none"), Atlas.cell(t, row, "similarity", { low: "similarity_low", high: "similarity_high", interval: true }), t.value(row, "explained") === 1 ? "yes" : "no"]), { right: [2] }),
    rows.length > groups.length ? h("p", { class: "note" }, `${rows.length - groups.length} larger groups`) : null);
}
