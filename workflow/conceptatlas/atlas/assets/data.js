"use strict";
/* Data arrives as scripts, because a page opened by double click may not read files: each calls Atlas.put(key, value). */

/* What a table is, without the encoder and vocabulary that may follow. */
Atlas.kind = function (key) { return key.split("/").pop().split("@")[0]; };

Atlas.waiting = new Map();
Atlas.ready = new Map();

Atlas.put = function (key, value) { Atlas.ready.set(key, value); };

/* A promise of the value under a key, which is the place of its script in the atlas. */
Atlas.load = function (key) {
  if (!Atlas.waiting.has(key)) {
    Atlas.waiting.set(key, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = key.split("/").map(encodeURIComponent).join("/") + ".js";
      script.onload = () => {
        script.remove();
        if (Atlas.ready.has(key)) resolve(Atlas.ready.get(key));
        else reject(new Error(`${key}.js holds something else.`));
      };
      script.onerror = () => { script.remove(); Atlas.waiting.delete(key); reject(new Error(`${key}.js is missing.`)); };
      document.head.append(script);
    }));
  }
  return Atlas.waiting.get(key);
};

/* A table by column, with the definition of each. `number` of a row is the one in the Parquet file, where only a part of
   its rows came too. */
class Table {
  constructor(key, content) {
    this.key = key;
    this.kind = Atlas.kind(key);
    this.source = content.source;
    this.n = content.n;
    this.of = content.of ?? content.n;
    this.numbers = content.rows || null;
    this.columns = content.columns;
    this.byName = new Map(content.columns.map((column) => [column.name, column]));
  }
  number(row) { return this.numbers ? this.numbers[row] : row; }
  has(name) { return this.byName.has(name); }
  value(row, name) {
    const column = this.byName.get(name);
    if (!column) return null;
    if ("constant" in column) return column.constant;
    return column.codes ? column.words[column.codes[row]] : column.values[row];
  }
  /* The values of a column as a function of the row, for loops over many. */
  reader(name) {
    const { constant, codes, words, values } = this.byName.get(name) || { constant: null };
    return codes ? (row) => words[codes[row]] : values ? (row) => values[row] : () => constant;
  }
  rows(condition) {
    const found = [];
    for (let row = 0; row < this.n; row++) if (condition(row)) found.push(row);
    return found;
  }
  where(names) { return this.rows((row) => Object.entries(names).every(([name, value]) => this.value(row, name) === value)); }
  csv() {
    const cell = (value) => {
      const text = value == null ? "" : String(value);
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [this.columns.map((column) => cell(column.name)).join(",")];
    for (let row = 0; row < this.n; row++) lines.push(this.columns.map((column) => cell(this.value(row, column.name))).join(","));
    return lines.join("\n") + "\n";
  }
}

Atlas.tables = new Map();
Atlas.table = async function (key) {
  if (!Atlas.tables.has(key)) Atlas.tables.set(key, new Table(key, await Atlas.load(key)));
  return Atlas.tables.get(key);
};

Atlas.key = function ({ dataset, model, layer }, name) { return `models/${dataset}/${model}/${layer}/${name}`; };
