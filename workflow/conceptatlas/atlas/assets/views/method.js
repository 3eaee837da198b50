"use strict";
/* Methods: question, definition, source, the options of this study, what each column means. */

Atlas.view("methods", async function () {
  const { methods } = await Atlas.load("study/methods");
  return { title: "Methods", body: [h("h1", {}, "Methods"), h("ul", { class: "plain cards" }, methods.map((m) => h("li", { class: "card" }, h("h2", {}, h("a", { href: Atlas.to("method", m.id) }, m.title)), h("p", {}, m.question), h("p", { class: "quiet" }, m.source))))] };
});

function optionRows(value, path) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[h("code", {}, path), value === null ? "all / default" : JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => optionRows(inner, `${path}.${key}`));
}

Atlas.view("method", async function ([id]) {
  const { methods, config } = await Atlas.load("study/methods");
  const method = methods.find((m) => m.id === id);
  if (!method) Atlas.fail(`There is no method called ${id}.`);
  const figures = await Atlas.figures((group) => group.method === id, { fold: true, heading: (group) => `${Atlas.methodName(id)}: ${Atlas.figurePlace(group)}` });
  const options = method.options.flatMap((name) => config[name] === undefined ? [] : optionRows(config[name], name));
  return {
    title: method.title, crumbs: [["Methods", "#/methods"]],
    body: [h("h1", {}, method.title), h("p", { class: "lead" }, method.question), Atlas.card("Definition", method.definition.map((text) => h("p", {}, text)), method.formula ? h("p", { class: "formula" }, method.formula) : null, h("p", { class: "quiet" }, method.source)),
      figures,
      Atlas.card("Options of this study", Atlas.rows("Options of this study", ["Option", "Value"], options, { prose: true })),
      method.tables.filter((name) => Atlas.definitions[name]).map((name) => h("section", { class: "card" }, h("details", {}, h("summary", {}, `Columns of ${name.replaceAll("_", " ")}`),
        Atlas.rows(`Columns of ${name}`, ["Column", "Definition", "Unit"], Object.entries(Atlas.definitions[name]).map(([column, [definition, unit]]) => [column, definition, unit]), { prose: true })))) ],
  };
});
