/**
 * The script that makes a coloured text live: what is pointed at, focused or reached by the arrow keys is told of below the
 * text, with bars; a click, or Enter, keeps it there. It gets the still form's root, what is said of each ground, and which
 * one it begins with; it writes text as text alone, and takes the page's own colours.
 */
import { livePercent, livePut } from "./live";

export const liveTokens = `function (root, { said, first }) {
  const spans = root.querySelectorAll("span");
  const told = document.createElement("div");
  told.setAttribute("role", "status");
  told.style.cssText = "min-height: 7.5em; padding: 6px 0; color: var(--jp-content-font-color1, currentColor)";
  let pinned = -1;
  const put = ${livePut};
  const percent = ${livePercent};
  const tell = (i) => {
    told.textContent = "";
    for (const [label, numbers, top] of said[i]) {
      put(told, "div", label + ": " + numbers, "font-weight: 600; white-space: pre-wrap");
      for (const [other, p, own] of top) {
        const row = put(told, "div", undefined, "display: flex; gap: 8px; align-items: center");
        put(row, "span", other, "width: 10em; overflow: hidden; text-overflow: ellipsis; white-space: pre; font-family: monospace; text-align: right;" + (own ? "font-weight: 700" : ""));
        put(row, "span", undefined, "height: 0.8em; width: " + Math.max(1, p * 200).toFixed(0) + "px; background: #3d8ef0; border-radius: 2px");
        put(row, "span", percent(p) + (own ? " (the text's)" : ""));
      }
    }
  };
  const mark = (i) => spans.forEach((span, n) => { span.style.outline = n === i ? "2px solid #3d8ef0" : ""; });
  const reach = (i) => { spans.forEach((span, n) => { span.tabIndex = n === i ? 0 : -1; }); spans[i].focus(); };
  const pin = (i) => { pinned = pinned === i ? -1 : i; mark(pinned); tell(i); };
  spans.forEach((span, i) => {
    span.removeAttribute("title");
    span.tabIndex = i === 0 ? 0 : -1;
    span.setAttribute("role", "button");
    span.setAttribute("aria-label", said[i].map(([label, numbers]) => label + ": " + numbers).join("; "));
    span.style.cursor = "pointer";
    span.addEventListener("mouseenter", () => { if (pinned < 0) tell(i); });
    span.addEventListener("focus", () => tell(i));
    span.addEventListener("click", () => pin(i));
    span.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) reach(Math.min(spans.length - 1, Math.max(0, i + step)));
      else if (event.key === "Enter" || event.key === " ") pin(i);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  });
  const table = root.querySelector("details");
  const hint = put(root, "div", "Point at a token, or reach it by Tab and the arrow keys; a click or Enter keeps it.");
  root.insertBefore(hint, table);
  root.insertBefore(told, table);
  tell(first);
}`;
