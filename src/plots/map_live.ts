/**
 * The script that draws a map of cells on the page's own ground: what is pointed at, or reached by the arrow keys, is told of
 * below the map, and a click or Enter picks it. However many columns there are, only those that are seen are drawn. It gets
 * the map's place in the page, and:
 *
 * - `name`, what a screen reader calls it; `rows` and `columns`, the labels; `width` of a column in pixels; `upright`, where
 *   columns' labels that are wider stand on end;
 * - `strength(row, column)` of the colour from 0 to 1, or in the other hue, for less than 0, to −1, or null;
 *   `text(row, column)` in the cell;
 * - `say(row, column)`, lines of which the first names the cell, and `lines`, how many there are on a page of usual width;
 * - `pick(row, column)`, what a click or Enter does, with a cell, or with the column where `picks` says so; `start`, the cell
 *   that is told of first; default: the last of the first row.
 *
 * It gives a function that draws it anew, and writes text as text alone.
 */
export const liveMap = `(place, { name, rows, columns, width, upright, strength, text, say, lines, pick, picks, start }) => {
  const make = (kind, style) => {
    const made = document.createElement(kind);
    made.style.cssText = style;
    return made;
  };
  const ink = "var(--jp-content-font-color1, currentColor)";
  const pen = (canvas) => canvas.getContext("2d");
  const measure = pen(document.createElement("canvas"));
  measure.font = "12px sans-serif";
  const widest = (labels) => Math.ceil(Math.max(...labels.map((label) => measure.measureText(label).width)));
  const margin = widest(rows) + 8;
  measure.font = "12px monospace";
  const turned = upright && widest(columns) > width - 5;
  const short = turned && columns.map((label) => (label.length > 24 ? Array.from(label).slice(0, 23).join("") + "…" : label));
  const [high, head, foot] = [20, 6, turned ? widest(short) + 10 : width > 40 ? 20 : 18];
  const frame = make("div", "display: flex; align-items: flex-start; color: " + ink);
  const names = make("div", "flex: none; font: 12px sans-serif; text-align: right; padding-top: " + head + "px; width: " + margin + "px");
  for (const label of rows) {
    const row = make("div", "height: " + high + "px; line-height: " + high + "px; padding-right: 6px; white-space: pre");
    row.textContent = label;
    names.append(row);
  }
  const scroll = make("div", "flex: 1; min-width: 0; overflow-x: auto; overflow-y: hidden; outline-offset: -2px; cursor: pointer");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "application");
  scroll.setAttribute("aria-roledescription", "map of cells");
  scroll.setAttribute("aria-label", name + ": arrow keys go from cell to cell, Enter picks one");
  const paper = make("div", "position: relative; width: " + columns.length * width + "px; height: " + (head + rows.length * high + foot) + "px");
  const canvas = make("canvas", "position: sticky; left: 0; display: block");
  canvas.setAttribute("aria-hidden", "true");
  paper.append(canvas);
  scroll.append(paper);
  frame.append(names, scroll);
  const told = make("div", "min-height: " + 1.3 * lines + "em; padding: 4px 0; white-space: pre-wrap; color: " + ink);
  told.setAttribute("role", "status");
  place.append(frame, told);
  let [[row, column], picked] = [start || [0, columns.length - 1], undefined];
  const draw = () => {
    const [wide, tall, dense] = [Math.min(scroll.clientWidth, columns.length * width), head + rows.length * high + foot, window.devicePixelRatio || 1];
    if (wide === 0) return;
    canvas.width = wide * dense;
    canvas.height = tall * dense;
    canvas.style.width = wide + "px";
    canvas.style.height = tall + "px";
    const p = pen(canvas);
    p.scale(dense, dense);
    const colour = getComputedStyle(scroll).color;
    const first = Math.floor(scroll.scrollLeft / width);
    const last = Math.min(columns.length - 1, Math.ceil((scroll.scrollLeft + wide) / width));
    for (let c = first; c <= last; c++) {
      const x = c * width - scroll.scrollLeft;
      const clipped = (words, y) => {
        p.save();
        p.beginPath();
        p.rect(x + 1, y - 12, width - 3, 18);
        p.clip();
        p.fillStyle = colour;
        p.fillText(words, x + 3, y + 2);
        p.restore();
      };
      p.font = "12px monospace";
      for (let r = 0; r < rows.length; r++) {
        const a = strength(r, c);
        const y = head + r * high;
        if (a !== null) {
          p.fillStyle = "rgba(" + (a < 0 ? "232, 118, 45, " : "61, 142, 240, ") + (0.05 + 0.6 * Math.abs(a)).toFixed(3) + ")";
          p.fillRect(x, y, width - 1, high - 1);
        }
        const words = text(r, c);
        if (words) clipped(words, y + 12);
        if (r === row && c === column) {
          p.strokeStyle = a < 0 ? colour : "#e8762d";
          p.lineWidth = 2;
          p.strokeRect(x + 1, y + 1, width - 3, high - 3);
        }
      }
      if (picked && c === picked[1]) {
        p.strokeStyle = strength(...picked) < 0 ? colour : "#e8762d";
        p.lineWidth = 2;
        if (picks === "column") p.strokeRect(x, head - 2, width - 1, rows.length * high + 3);
        else p.strokeRect(x - 1, head + picked[0] * high - 1, width + 1, high + 1);
      }
      if (!turned) {
        clipped(columns[c], head + rows.length * high + 14);
        continue;
      }
      p.save();
      p.translate(x + width / 2 + 4, head + rows.length * high + 4);
      p.rotate(-Math.PI / 2);
      p.fillStyle = colour;
      p.textAlign = "right";
      p.fillText(short[c], 0, 0);
      p.restore();
    }
  };
  const tell = () => {
    const [title, ...lines] = say(row, column);
    const strong = make("div", "font-weight: 600");
    strong.textContent = title;
    const rest = document.createElement("div");
    rest.textContent = lines.join("\\n");
    told.replaceChildren(strong, rest);
  };
  const go = (r, c, seen) => {
    row = Math.min(rows.length - 1, Math.max(0, r));
    column = Math.min(columns.length - 1, Math.max(0, c));
    if (seen) {
      const x = column * width;
      if (x < scroll.scrollLeft) scroll.scrollLeft = x;
      else if (x + width > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x + width - scroll.clientWidth;
    }
    draw();
    tell();
  };
  const at = (event) => {
    const box = paper.getBoundingClientRect();
    const r = Math.floor((event.clientY - box.top - head) / high);
    const c = Math.floor((event.clientX - box.left) / width);
    return r >= -1 && r <= rows.length && c >= 0 && c < columns.length ? [Math.min(rows.length - 1, Math.max(0, r)), c] : undefined;
  };
  const choose = () => { picked = [row, column]; draw(); pick(row, column); };
  scroll.addEventListener("mousemove", (event) => {
    const cell = at(event);
    if (cell && (cell[0] !== row || cell[1] !== column)) go(...cell, false);
  });
  scroll.addEventListener("click", (event) => {
    const cell = at(event);
    if (!cell) return;
    go(...cell, false);
    choose();
  });
  scroll.addEventListener("keydown", (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (step) go(row + step[0], column + step[1], true);
    else if (event.key === "Home") go(row, 0, true);
    else if (event.key === "End") go(row, columns.length - 1, true);
    else if (event.key === "Enter" || event.key === " ") choose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  scroll.addEventListener("scroll", draw);
  new ResizeObserver(draw).observe(scroll);
  // The page's own colours change with its theme.
  const themed = () => requestAnimationFrame(draw);
  new MutationObserver(themed).observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
  scroll.addEventListener("mouseenter", draw);
  scroll.addEventListener("focus", () => { draw(); tell(); });
  scroll.scrollLeft = columns.length * width;
  tell();
  return draw;
}`;
