/**
 * The script that makes a tree of continuations live: a click on a token, or Enter, gives the text of its way below the
 * tree, with a button that copies it; arrows move from token to token, to the left and right they fold and unfold. It gets
 * the still form's root and the ways' texts, and writes text as text alone.
 */
export const liveTree = `function (root, ways) {
  const tokens = Array.from(root.querySelectorAll("span"));
  const told = document.createElement("div");
  told.setAttribute("role", "status");
  told.style.cssText = "display: flex; gap: 8px; align-items: flex-start; min-height: 3em; padding: 6px 0";
  const words = document.createElement("div");
  words.style.cssText = "white-space: pre-wrap; font-family: monospace; flex: 1; color: var(--jp-content-font-color1, currentColor)";
  words.textContent = "Click a token, or reach it by Tab and the arrow keys and press Enter: its text stands here.";
  const copy = document.createElement("button");
  copy.type = "button";
  copy.textContent = "Copy";
  copy.hidden = true;
  copy.style.cssText = "font: inherit; cursor: pointer; color: inherit; background: transparent; border: 1px solid currentColor; border-radius: 3px; padding: 1px 8px";
  copy.addEventListener("click", () => {
    const area = document.createElement("textarea");
    area.value = words.textContent;
    area.style.cssText = "position: fixed; opacity: 0";
    root.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    copy.textContent = done ? "Copied" : "Copy";
    copy.focus();
  });
  told.append(words, copy);
  const pick = (i) => {
    words.textContent = ways[i];
    copy.hidden = false;
    copy.textContent = "Copy";
    tokens.forEach((token, n) => { token.style.outline = n === i ? "2px solid #3d8ef0" : ""; });
  };
  const folded = (token) => {
    const over = token.closest("details");
    for (let at = over && token.parentElement === over.firstElementChild ? over.parentElement : token.parentElement; at && at !== root; at = at.parentElement)
      if (at.tagName === "DETAILS" && !at.open) return true;
    return false;
  };
  const reach = (i) => { tokens.forEach((token, n) => { token.tabIndex = n === i ? 0 : -1; }); tokens[i].focus(); };
  const step = (i, by) => {
    let next = i + by;
    while (tokens[next] && folded(tokens[next])) next += by;
    if (tokens[next]) reach(next);
  };
  tokens.forEach((token, i) => {
    token.tabIndex = i === 0 ? 0 : -1;
    token.setAttribute("role", "button");
    token.setAttribute("aria-label", token.title);
    token.style.cursor = "pointer";
    token.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); pick(i); });
    token.addEventListener("keydown", (event) => {
      const branch = token.parentElement.tagName === "SUMMARY" ? token.parentElement.parentElement : null;
      if (event.key === "ArrowDown") step(i, 1);
      else if (event.key === "ArrowUp") step(i, -1);
      else if (event.key === "ArrowLeft") { if (branch) branch.open = false; }
      else if (event.key === "ArrowRight") { if (branch) branch.open = true; }
      else if (event.key === "Enter" || event.key === " ") pick(i);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  });
  for (const summary of root.querySelectorAll("summary")) summary.style.cursor = "pointer";
  root.append(told);
}`;
