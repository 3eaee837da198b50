"use strict";
/* A table as it was written: definitions of its columns, a page of rows around the one asked for, all of it as CSV. */

const PAGE = 50;

Atlas.view("table", async function (args, query) {
  const key = args.join("/");
  const t = await Atlas.table(key);
  const wanted = query.has("row") ? Number(query.get("row")) : null;
  let page = query.has("page") ? Number(query.get("page")) - 1 : Math.floor((wanted ?? 0) / PAGE);
  const pages = Math.max(1, Math.ceil(t.n / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  const file = URL.createObjectURL(new Blob([t.csv()], { type: "text/csv" }));
  Atlas.leaving.push(() => URL.revokeObjectURL(file));
  const moving = t.columns.filter((column) => !("constant" in column));
  const fixed = t.columns.filter((column) => "constant" in column);
  const head = moving.map((c) => h("th", { scope: "col", class: c.kind === "number" ? "right" : null }, h("span", { data: { tip: c.definition + (c.unit ? ` (${c.unit})` : "") }, tabindex: "0" }, c.name)));
  const rows = [];
  for (let row = page * PAGE; row < Math.min(t.n, (page + 1) * PAGE); row++) {
    rows.push(h("tr", { class: row === wanted ? "wanted" : null, id: `row-${row}` }, h("th", { scope: "row", class: "right" }, t.number(row)), moving.map((c) => h("td", { class: c.kind === "number" ? "right" : null }, Atlas.format(t.value(row, c.name), { digits: 5 })))));
  }
  const steps = h("p", { class: "steps" }, page > 0 ? h("a", { href: `${Atlas.to("table", ...args)}?page=${page}` }, "← earlier rows") : null, ` page ${page + 1} of ${pages} `, page < pages - 1 ? h("a", { href: `${Atlas.to("table", ...args)}?page=${page + 2}` }, "later rows →") : null);
  const crumbs = args[0] === "models" && args.length === 5 ? [[args[1], Atlas.to("dataset", args[1])], [args[2], Atlas.to("model", args[1], args[2])], [args[3], Atlas.to("layer", args[1], args[2], args[3])]] : args[0] === "models" && args.length === 4 ? [[args[1], Atlas.to("dataset", args[1])], [args[2], Atlas.to("model", args[1], args[2])]] : [];
  return {
    title: `Table ${t.kind}`, crumbs,
    body: [h("h1", {}, `Table: ${t.kind.replaceAll("_", " ")}`),
      h("p", {}, t.of > t.n ? `${Atlas.format(t.n)} of ${Atlas.format(t.of)} rows. ` : `${Atlas.format(t.n)} rows. `, h("a", { class: "button", href: file, download: `${key.replaceAll("/", "-")}.csv` }, "Download as CSV"), " Numbers have 5 significant digits here; all of them are in ", h("code", {}, t.source), "."),
      fixed.length ? h("details", {}, h("summary", {}, `${fixed.length} columns with one value`), Atlas.rows("Columns with one value", ["Column", "Value", "Definition"], fixed.map((c) => [c.name, c.constant === "" ? "(empty)" : c.kind === "boolean" ? (c.constant ? "true" : "false") : Atlas.format(c.constant), c.definition]), { prose: true })) : null,
      steps, h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Rows" }, h("table", {}, h("caption", { class: "unseen" }, t.source), h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "right" }, "row"), head)), h("tbody", {}, rows))),
      h("section", { class: "card" }, h("h2", {}, "Definitions"), Atlas.rows("Definitions of the columns", ["Column", "Definition", "Unit"], t.columns.map((c) => [c.name, c.definition, c.unit]), { prose: true }))],
    after: () => { const row = wanted != null && document.getElementById(`row-${wanted}`); if (row) setTimeout(() => row.scrollIntoView({ block: "center" }), 0); },
  };
});
