"use strict";
/* The run: with what, from what, how long, how to make it again. */

Atlas.view("record", async function () {
  const { record, preflight, config, digests, study } = await Atlas.load("study/record");
  const rules = Object.entries(record.rules || {}).sort((a, b) => b[1].total_s - a[1].total_s);
  const total = rules.reduce((sum, [, r]) => sum + r.total_s, 0);
  const credits = await Promise.all(Atlas.overview.datasets.map(({ dataset }) => Atlas.load(`datasets/${dataset}/about`)));
  const file = URL.createObjectURL(new Blob([config], { type: "text/yaml" }));
  Atlas.leaving.push(() => URL.revokeObjectURL(file));
  return {
    title: "Run record",
    body: [h("h1", {}, "Run record"),
      Atlas.card("How to make it again", h("ol", {}, h("li", {}, "Check out commit ", h("code", {}, record.commit || "(not recorded)"), " of conceptatlas and run ", h("code", {}, "make install"), "."),
        h("li", {}, "Save the configuration as ", h("code", {}, "run_config.yaml"), ": ", h("a", { href: file, download: "run_config.yaml" }, "download"), ". Its part config is ", h("code", {}, "config.yaml"), "; every other part is a sheet, to be written as a table with tabs."),
        h("li", {}, "Put the data sets and weights where it names them; their digests are below."), h("li", {}, h("code", {}, "snakemake --cores all --configfile config.yaml"), ".")), Atlas.facts([["study", study], ["digest of the configuration", h("code", {}, record.config_sha256)]])),
      Atlas.card("Time by rule", Atlas.rows(`Jobs and seconds by rule, ${Atlas.format(total)} s in all`, ["Rule", "Jobs", "Total (s)", "Longest (s)", "Memory (MB)"], rules.map(([rule, r]) => [h("code", {}, rule), r.jobs, Atlas.format(r.total_s), Atlas.format(r.longest_s), Atlas.format(r.max_rss_mb)]), { right: [1, 2, 3, 4] })),
      Atlas.card("Digests", Atlas.rows("Digests of what went in", ["What", "Kind", "Digest"], digests.map((d) => [d.what, d.kind, h("code", {}, d.digest || "none (seeded)")]), { prose: true })),
      Atlas.card("Versions", Atlas.rows("Versions of the software", ["Package", "Version"], Object.entries(record.versions || {}))),
      (preflight.notes || []).length ? Atlas.card("Notes of the preflight", h("ul", {}, preflight.notes.map((note) => h("li", {}, note)))) : null,
      Atlas.card("Credits", credits.map((about) => Atlas.rows(`Images of ${about.name}`, ["Author", "Licence", "Images"], about.credits.map(([licence, name, n]) => [name || "unknown", licence || "unknown", n]), { right: [2] }))),
      Atlas.card("Configuration", h("pre", { class: "scroll", tabindex: "0", "aria-label": "Configuration" }, config))],
  };
});
