"use strict";
/* Last of the scripts: what every page needs, then the page asked for. */
(async function () {
  let kept = null;
  try { kept = localStorage.getItem("conceptatlas-theme"); } catch { kept = null; }
  const system = matchMedia("(prefers-color-scheme: dark)");
  Atlas.theme(kept || (system.matches ? "dark" : "light"));
  system.addEventListener("change", (event) => { if (!kept) Atlas.theme(event.matches ? "dark" : "light"); });
  document.getElementById("theme").addEventListener("click", () => {
    kept = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("conceptatlas-theme", kept); } catch { /* a browser may forbid it */ }
    Atlas.theme(kept);
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  const query = document.getElementById("query");
  let timer = 0;
  const search = () => { if (query.value.trim()) location.hash = `#/search?q=${encodeURIComponent(query.value.trim())}`; };
  query.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 250); });
  document.getElementById("search").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); search(); });
  Atlas.tips();
  const [overview, definitions] = await Promise.all([Atlas.load("study/overview"), Atlas.load("study/definitions")]);
  Atlas.overview = overview;
  Atlas.definitions = definitions;
  Atlas.bar();
  addEventListener("hashchange", Atlas.show);
  await Atlas.show();
})();
