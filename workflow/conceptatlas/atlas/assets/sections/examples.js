"use strict";
Atlas.section({
  name: "examples", title: "Images that activate it most",
  render(context) {
    const shown = context.value("examples");
    if (!shown) return null;
    const { dataset } = context.place;
    const size = Atlas.overview.datasets.find((d) => d.dataset === dataset).mask_size;
    return [h("div", { class: "pictures" }, shown.images.map((image, i) => Atlas.picture({
      dataset, image, size, mask: shown.masks[i] === "" && !context.place.n_sheets ? null : shown.masks[i], width: 152,
      caption: `${i + 1}. ${Atlas.format(shown.values[i])}`, name: `image ${image}, rank ${i + 1}` }))),
    h("p", { class: "note" }, "Bright: where the upsampled map exceeds T. Below each: the unit's largest activation in the image.")];
  },
});
