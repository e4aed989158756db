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
