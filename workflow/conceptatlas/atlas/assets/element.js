"use strict";
/* Elements from plain values: text is always text, so nothing that a table says can become markup. */

const SVG_NAMES = new Set(["svg", "g", "path", "rect", "line", "circle", "text", "polyline", "polygon", "title", "defs", "pattern"]);

/* h("a", {href: "#/", class: "x", data: {page: "y"}, on: {click: f}}, child, [children], "text"): an element. */
function h(tag, properties, ...children) {
  const svg = SVG_NAMES.has(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value == null || value === false) continue;
    if (name === "on") for (const [kind, handler] of Object.entries(value)) element.addEventListener(kind, handler);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "href" && !svg) element.setAttribute("href", Atlas.safe(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child == null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/* Only pages and files of the atlas itself are linked. */
Atlas.safe = function (address) {
  const text = String(address);
  return text.startsWith("#") || text.startsWith("blob:") ? text : "#/";
};

Atlas.CATEGORIES = ["object", "scene", "part", "material", "texture", "color", "attribute"];

/* A category as a mark and a word: colour alone never says it. */
Atlas.category = function (name, { words = true } = {}) {
  const known = Atlas.CATEGORIES.includes(name);
  return h("span", { class: "category", data: { category: known ? name : "other" }, title: words ? null : name },
    h("i", { "aria-hidden": "true" }), words ? name || "none" : h("span", { class: "unseen" }, name));
};

Atlas.card = function (title, ...children) {
  return h("section", { class: "card" }, title ? h("h2", {}, title) : null, ...children);
};

/* A table from rows of cells; `head`: texts, numbers stand right where `right` says so; `prose`: cells break lines. */
Atlas.rows = function (caption, head, rows, { right = [], prose = false } = {}) {
  const side = (i) => (right.includes(i) ? "right" : null);
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    h("table", { class: prose ? "prose" : null }, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, head.map((text, i) => h("th", { scope: "col", class: side(i) }, text)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, i) =>
        i === 0 ? h("th", { scope: "row", class: side(i) }, cell) : h("td", { class: side(i) }, cell)))))));
};

Atlas.facts = function (pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value != null && value !== "").map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))));
};

Atlas.linkUnit = function (place, unit, text) {
  const { dataset, model, layer } = place;
  return h("a", { href: Atlas.to("unit", dataset, model, layer, unit) }, text || `${model} ${layer} unit ${unit}`);
};
Atlas.linkConcept = function (dataset, concept, text) {
  return h("a", { href: Atlas.to("concept", dataset, concept) }, text || concept);
};
Atlas.place = function (dataset, model, layer) {
  const found = Atlas.overview.layers.find((p) => p.dataset === dataset && p.model === model && p.layer === layer);
  if (!found) Atlas.fail(`This study has no layer ${model} ${layer} on ${dataset}.`);
  return found;
};
