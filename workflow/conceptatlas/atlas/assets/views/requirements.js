"use strict";
/* The safety-case pack: every requirement with its verdict, the interval against the threshold, and where it stands. */

Atlas.view("requirements", async function () {
  const t = await Atlas.table("study/requirements");
  const all = Array.from({ length: t.n }, (_, row) => row);
  const count = (verdict) => all.filter((row) => t.value(row, "verdict") === verdict).length;
  const compared = all.some((row) => t.value(row, "change"));
  const changes = ["worse", "gone", "better", "new", "same"].map((change) => [all.filter((row) => t.value(row, "change") === change).length, change]).filter(([n]) => n);
  const changed = (change) => ({ worse: h("span", { class: "badge bad" }, "worse"), better: h("span", { class: "badge" }, "better") })[change] || change;
  const names = [...new Set(all.map((row) => t.value(row, "requirement")))];
  const mark = (verdict) => h("span", { class: `badge ${{ pass: "", fail: "bad", undetermined: "weak" }[verdict] ?? "none"}` }, verdict || "gone");
  const place = (row) => [...(Atlas.overview.datasets.length > 1 ? ["dataset"] : []), "model", "layer", "category", "concept", "level"].map((name) => t.value(row, name)).filter(Boolean).join(" ");
  const whole = (rows) => ["fail", "undetermined", "pass"].find((verdict) => rows.some((row) => t.value(row, "verdict") === verdict)) || "";
  const cards = names.map((name) => {
    const rows = all.filter((row) => t.value(row, "requirement") === name), first = rows[0];
    const sign = t.value(first, "comparison") === "at_least" ? "≥" : "≤";
    const head = ["Where", "Value [interval]", `Required`, "Verdict", "Evidence", ...(compared ? ["Before", "Change"] : [])];
    return Atlas.card(name, h("p", {}, mark(whole(rows)), ` ${t.value(first, "metric").replaceAll("_", " ")} ${sign} ${Atlas.format(t.value(first, "threshold"))}: ${t.value(first, "definition")}.`),
      h("div", { class: "beside" }, Atlas.rows(`Requirement ${name}`, head, rows.slice(0, 200).map((row) => [
        place(row), Atlas.cell(t, row, "value", { low: "low", high: "high", interval: true }), `${sign} ${Atlas.format(t.value(row, "threshold"))}`,
        [mark(t.value(row, "verdict")), t.value(row, "reason") ? h("small", {}, ` ${t.value(row, "reason")}`) : null],
        t.value(row, "page") ? h("a", { href: t.value(row, "page"), data: { tip: t.value(row, "table") } }, `row ${t.value(row, "row")} of ${t.value(row, "table").split("/").pop()}`) : "–",
        ...(compared ? [t.value(row, "verdict_before") ? `${t.value(row, "verdict_before")}, ${Atlas.format(t.value(row, "value_before"))}` : "–", changed(t.value(row, "change"))] : [])]), { right: [1, 2] }),
      Atlas.dots(`Intervals of ${name} against the threshold`, rows.slice(0, 40).map((row) => ({ text: place(row), value: t.value(row, "value"), low: t.value(row, "low"), high: t.value(row, "high"), href: t.value(row, "page") || null })),
        { unit: t.value(first, "metric").replaceAll("_", " "), width: 560, threshold: t.value(first, "threshold") })));
  });
  return {
    title: "Requirements",
    body: [h("h1", {}, "Requirements"), h("p", { class: "lead" }, `${count("pass")} pass, ${count("fail")} fail, ${count("undetermined")} undetermined.`, compared ? ` Against the study compared with: ${changes.map(([n, change]) => `${n} ${change}`).join(", ")}.` : ""),
      h("p", { class: "note" }, "Pass: the whole interval lies on the required side. Fail: on the other. Undetermined: it straddles the threshold, or there is none. ", h("a", { href: Atlas.to("table", "study", "requirements") }, "All as a table")), cards],
  };
});
