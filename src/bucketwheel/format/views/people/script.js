"use strict";
(() => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    const name = button.getAttribute("aria-label");
    const show = (text, label) => { button.textContent = text; button.setAttribute("aria-label", label); };
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        show("Copied", "Copied");
      } catch {
        show("Failed", "Failed");
      }
      setTimeout(show, 2000, "Copy", name);
    });
  }

  const search = document.querySelector(".bw-search");
  if (!search) return;
  const query = document.getElementById("bw-query");
  const hits = document.getElementById("bw-hits");
  const found = document.getElementById("bw-found");
  const most = 50;
  const plain = (text) => text.toLowerCase().replace(/[-_.]+/g, "-");
  let projects = null, lowered = [], loading = false;

  const load = () => {
    if (loading) return;
    loading = true;
    // A classic script: a page opened from a disk may neither fetch nor import.
    const script = document.createElement("script");
    script.src = search.dataset.projects;
    script.onload = () => {
      projects = window.bucketwheelProjects || [];
      lowered = projects.map(([name, , summary]) => plain(`${name} ${summary || ""}`));
      show();
    };
    script.onerror = () => { found.textContent = "The list of projects could not be loaded."; loading = false; };
    document.head.append(script);
  };

  const matching = (wanted) => {
    const words = wanted.split(/\s+/);
    const ranked = [[], [], [], []];
    for (let at = 0; at < projects.length; at++) {
      if (!words.every((word) => lowered[at].includes(word))) continue;
      const name = projects[at][0];
      ranked[name === wanted ? 0 : name.startsWith(wanted) ? 1 : name.includes(wanted) ? 2 : 3].push(projects[at]);
    }
    return ranked.flat();
  };

  const card = ([name, version, summary]) => {
    const item = document.createElement("li"), link = document.createElement("a");
    const strong = document.createElement("strong"), number = document.createElement("span");
    link.href = `${search.dataset.up}project/${name}/index.html`;
    strong.textContent = name;
    number.textContent = version;
    number.className = "bw-version";
    link.append(strong, " ", number);
    item.append(link);
    if (summary) {
      const line = document.createElement("p");
      line.textContent = summary;
      item.append(line);
    }
    return item;
  };

  const show = () => {
    const wanted = plain(query.value.trim());
    if (!projects) { load(); return; }
    const all = wanted ? matching(wanted) : [];
    hits.replaceChildren(...all.slice(0, most).map(card));
    hits.hidden = !all.length;
    found.textContent = !wanted ? "" : all.length > most ? `${all.length} found, the first ${most} shown`
      : all.length ? `${all.length} found` : "Nothing found";
  };

  query.addEventListener("focus", load, {once: true});
  query.addEventListener("input", show);
})();
