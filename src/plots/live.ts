/** What the scripts of live views have in common, to be written into each: an output stands by itself in a saved page. */

/** Appends an element with a text, which is never markup. */
export const livePut = `(parent, name, text, style) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (style) made.style.cssText = style;
    parent.append(made);
    return made;
  }`;

/** A probability in words: three digits from 10% on, two below. */
export const livePercent = `(p) => (p >= 0.0995 ? (p * 100).toFixed(1) : (p * 100).toPrecision(2)) + "%"`;

/** The style of a ground that is a bar: as long as a number from 0 to 1, or in the other hue, for less than 0, from −1. */
export const liveBar = `(part) => {
    const [hue, end] = [part < 0 ? "232, 118, 45" : "61, 142, 240", (100 * Math.abs(part)).toFixed(1) + "%"];
    return "background: linear-gradient(to right, rgba(" + hue + ", 0.35) " + end + ", transparent " + end + ")";
  }`;

/** Appends a row to a table, with its label, which is bold where it is the picked one; gives it. {@link livePut} is its `put`. */
export const liveRow = `(table, label, picked) => {
    const line = put(table, "tr");
    const head = put(line, "th", label, "text-align: right; font-weight: " + (picked ? 700 : 400) + "; padding: 1px 8px 1px 0; white-space: pre");
    head.scope = "row";
    return line;
  }`;

/**
 * Puts the frame of maps in place of the still picture: the title, a place for the maps, how they are gone through, what is
 * said of them, and a region for what is picked, called `name`. It gives that place and that region; {@link livePut} is its
 * `put`.
 */
export const liveFrame = `(root, { title, cell, shows, about, name }) => {
    const body = document.createElement("div");
    body.style.cssText = "color: var(--jp-content-font-color1, currentColor)";
    put(body, "div", title, "font-weight: 600");
    const place = put(body, "div");
    put(body, "div", "Point at a " + cell + ", or reach it by Tab and the arrow keys; a click or Enter shows " + shows + ".", "padding: 2px 0");
    for (const line of about) put(body, "div", line);
    const region = put(body, "div");
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", name);
    region.setAttribute("aria-live", "polite");
    root.querySelector("img").replaceWith(body);
    return [place, region];
  }`;
