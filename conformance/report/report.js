"use strict";
{
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const filter = one("#filter"), rows = all(".row"), families = all(".family");
  const shows = {
    all: () => true,
    failing: (outcome) => ["violated", "advised", "stale"].includes(outcome),
    open: (outcome) => ["not exercised", "unsupported", "inconclusive", "broken"].includes(outcome),
    held: (outcome) => ["held", "observed", "waived"].includes(outcome),
  };
  const wasOpen = new Map(families.map((family) => [family, family.open]));
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  const apply = () => {
    const {show, level, q} = Object.fromEntries(new FormData(filter));
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const narrowed = show !== "all" || level !== "any" || words.length > 0;
    let count = 0;
    for (const row of rows) {
      const text = texts.get(row);
      const fits = shows[show](row.dataset.outcome) && (level === "any" || row.dataset.level === level) &&
        words.every((word) => text.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    for (const family of families) {
      family.hidden = !one(".row:not([hidden])", family);
      family.open = narrowed || wasOpen.get(family);
    }
    one("#matches").value = narrowed ? `${count} of ${rows.length}` : "";
    one("#nothing").hidden = count > 0;
    return narrowed ? `#?${new URLSearchParams({show, level, q})}` : "";
  };

  const remember = () => history.replaceState(null, "", apply() || location.pathname + location.search);

  // A hash is a filter (#?show=failing) or the place of a requirement, a transcript or an event.
  const follow = () => {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("?")) {
      for (const [name, value] of new URLSearchParams(hash.slice(1))) {
        if (["show", "level", "q"].includes(name)) filter.elements[name].value = value;
      }
      if (!shows[new FormData(filter).get("show")]) filter.reset();
      apply();
      return;
    }
    const place = hash && document.getElementById(hash);
    if (!place) return;
    if (place.hidden || place.closest("[hidden]")) { filter.reset(); apply(); }
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    place.scrollIntoView({block: "start"});
    one("summary", place)?.focus({preventScroll: true});
  };

  const step = (by) => {
    const seen = all(".row:not([hidden]) > summary").filter((row) => row.checkVisibility());
    const at = seen.indexOf(document.activeElement);
    const next = seen[at < 0 ? (by > 0 ? 0 : seen.length - 1) : Math.min(seen.length - 1, Math.max(0, at + by))];
    next?.focus();
    next?.scrollIntoView({block: "nearest"});
  };

  const copy = async (button) => {
    const code = one("code", button.parentElement);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // not allowed here: select it, so that the user's own keys copy it
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand("copy") ? "copied" : "selected";
      return;
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };

  filter.hidden = false;
  one(".keys").hidden = false;
  for (const command of all(".curl")) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "copy" });
    button.textContent = "copy";
    command.append(button);
  }
  filter.addEventListener("input", remember);
  filter.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  addEventListener("click", (event) => {
    if (event.target.matches?.(".copy")) copy(event.target);
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.hash === location.hash) { event.preventDefault(); follow(); }
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input")) {
      if (event.key === "Escape") { event.target.value = ""; event.target.blur(); remember(); }
      return;
    }
    if (event.key === "/") { event.preventDefault(); filter.elements.q.focus(); }
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  });
  addEventListener("beforeprint", () => {
    for (const row of rows) if (shows.failing(row.dataset.outcome)) row.open = true;
  });
  follow();
}
