"use strict";
/* Pictures of the data set with masks drawn over them. A mask comes as lengths of runs in row-major order. */

const LETTERS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].map((letter, i) => [letter, i]));

/* Outline (an SVG path over size x size) and number of pixels of a mask. */
Atlas.mask = function (text, size) {
  let position = 0, inside = false, length = 0, shift = 0, area = 0;
  const parts = [];
  for (const letter of text) {
    const digit = LETTERS.get(letter);
    length += (digit & 31) << shift;
    if (digit & 32) { shift += 5; continue; }
    if (inside) {
      area += length;
      let start = position;
      const end = position + length;
      while (start < end) {
        const row = Math.floor(start / size);
        const stop = Math.min(end, (row + 1) * size);
        parts.push(`M${start - row * size} ${row}h${stop - start}v1h${start - stop}z`);
        start = stop;
      }
    }
    position += length;
    inside = !inside; length = 0; shift = 0;
  }
  return { path: parts.join(""), area };
};

Atlas.picturePath = function (dataset, image) {
  return `datasets/${encodeURIComponent(dataset)}/pictures/${Math.floor(image / 500)}/${image}.jpg`;
};

/* A figure of an image that links to its page. mask: dims what lies outside; label: a coloured sheet over it; box: dims
   what lies outside of [left, top, right, bottom], in units of size. */
Atlas.picture = function ({ dataset, image, mask, label, box, size, caption, name, width }) {
  const embedded = Atlas.overview.datasets.find((d) => d.dataset === dataset).embedded;
  const layers = [];
  if ((mask != null || box != null) && size) {
    const path = box ? `M${box[0]} ${box[1]}H${box[2]}V${box[3]}H${box[0]}z` : Atlas.mask(mask, size).path;
    if (embedded) layers.push(h("path", { class: "dim", d: `M0 0H${size}V${size}H0Z${path}`, "fill-rule": "evenodd" }));
    else layers.push(h("path", { class: "only", d: path }));
  }
  if (label != null && size) layers.push(h("path", { class: "label", d: Atlas.mask(label, size).path }));
  const words = name || `image ${image}`;
  const shown = embedded
    ? h("img", { src: Atlas.picturePath(dataset, image), alt: words, loading: "lazy", decoding: "async" })
    : h("span", { class: "withheld", role: "img", "aria-label": `${words}; its licence forbids showing it here` }, "not shown");
  return h("figure", { class: "picture", style: width ? { width: `${width}px` } : null },
    h("a", { href: Atlas.to("image", dataset, image) }, shown,
      layers.length ? h("svg", { viewBox: `0 0 ${size} ${size}`, preserveAspectRatio: "none", "aria-hidden": "true" }, layers) : null),
    caption ? h("figcaption", {}, caption) : null);
};
