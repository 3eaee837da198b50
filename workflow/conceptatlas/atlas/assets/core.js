"use strict";
/* The page as a whole: addresses (#/kind/names?state), moving between pages, theme, the bar at the top. */
const Atlas = { views: {}, sections: [], overview: null, definitions: {} };

Atlas.view = function (name, render) { Atlas.views[name] = render; };
Atlas.section = function (section) { Atlas.sections.push(section); };

/* Address of a page from its names; a page's names may hold any character. */
Atlas.to = function (...parts) { return "#/" + parts.map(encodeURIComponent).join("/"); };

Atlas.address = function () {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path === "" ? [] : path.split("/").map(decodeURIComponent);
  return { name: parts[0] || "study", args: parts.slice(1), query: new URLSearchParams(query || "") };
};

/* Remember the state of a page (filters, sorting) in its address, without a new entry in the history. */
Atlas.remember = function (state) {
  const [path] = location.hash.split("?");
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value !== "" && value !== false && value != null) query.set(key, value);
  const text = query.toString();
  history.replaceState(null, "", (path || "#/") + (text ? "?" + text : ""));
};

let turn = 0;
Atlas.show = async function () {
  const mine = ++turn;
  const main = document.getElementById("main");
  if (location.hash && !location.hash.startsWith("#/")) return; // the link that skips to the content
  const { name, args, query } = Atlas.address();
  Atlas.cleanUp();
  let page;
  try {
    const view = Atlas.views[name];
    if (!view) throw new Error(`There is no page called ${name}.`);
    page = await view(args, query);
  } catch (error) {
    if (!(error instanceof Error) || !error.expected) console.error(error);
    page = { title: "Not found", body: h("p", { class: "note" }, String(error.message || error)), crumbs: [] };
  }
  if (mine !== turn) return;
  document.title = `${page.title} – ${Atlas.overview ? Atlas.overview.study : "conceptatlas"}`;
  main.replaceChildren(...[page.body].flat(Infinity).filter(Boolean));
  main.dataset.page = name;
  Atlas.crumbs(page.crumbs || [], page.title);
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.page === name && (name !== "dataset" || link.textContent === args[0])) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (page.after) page.after();
  window.scrollTo(0, 0);
  if (Atlas.started && document.activeElement !== document.getElementById("query")) main.focus({ preventScroll: true });
  Atlas.started = true;
  document.body.dataset.ready = String(mine);
};

/* Listeners of a page that end with it. */
Atlas.leaving = [];
Atlas.cleanUp = function () { for (const end of Atlas.leaving.splice(0)) end(); };
Atlas.listen = function (target, kind, handler, options) {
  target.addEventListener(kind, handler, options);
  Atlas.leaving.push(() => target.removeEventListener(kind, handler, options));
};

Atlas.fail = function (message) { const error = new Error(message); error.expected = true; throw error; };

Atlas.crumbs = function (crumbs, title) {
  const items = crumbs.map(([text, href]) => h("li", {}, h("a", { href }, text)));
  const list = items.length ? [h("ol", {}, h("li", {}, h("a", { href: "#/" }, "Study")), ...items, h("li", { "aria-current": "page" }, title))] : [];
  document.getElementById("crumbs").replaceChildren(...list);
};

Atlas.bar = function () {
  const datasets = Atlas.overview.datasets;
  const links = [["study", "Study", "#/"]];
  if (datasets.length > 1) for (const { dataset } of datasets) links.push(["dataset", dataset, Atlas.to("dataset", dataset)]); // one a data set, or the bar is full
  else for (const { dataset, tables } of datasets) {
    links.push(["concepts", "Concepts", Atlas.to("concepts", dataset)]);
    if (tables.includes("similarity_summary")) links.push(["compare", "Comparison", Atlas.to("compare", dataset)]);
  }
  if (Atlas.overview.requirements) links.push(["requirements", "Requirements", "#/requirements"]);
  links.push(["methods", "Methods", "#/methods"], ["record", "Run record", "#/record"]);
  document.getElementById("nav").replaceChildren(
    h("ul", {}, links.map(([page, text, href]) => h("li", {}, h("a", { href, data: { page } }, text)))));
};

Atlas.theme = function (wanted) {
  const dark = wanted === "dark";
  document.documentElement.dataset.theme = wanted;
  const button = document.getElementById("theme");
  button.setAttribute("aria-pressed", String(dark));
  button.textContent = dark ? "Light" : "Dark";
  button.setAttribute("aria-label", dark ? "Use the light theme" : "Use the dark theme");
};
