/**
 * The script that makes attention live: buttons choose layer and head, the map is drawn on the page's own ground, and a
 * token that is pointed at, focused or reached by the arrow keys shows what it looks at as arcs on the text, with its
 * numbers below. It gets the still form's root and the weights, and writes text as text alone.
 */
export const liveAttention = `function (root, data) {
  const bytes = Uint8Array.from(atob(data.weights), (char) => char.charCodeAt(0));
  const all = new Uint16Array(bytes.buffer);
  const { labels, rows, maps } = data;
  const starts = [];
  let size = 0;
  for (const own of rows) { starts.push(size); size += own + 1; }
  const weight = (map, row, token) => (token > rows[row] ? 0 : all[map * size + starts[row] + token] / 65535);
  let [map, row, pinned, hidden, shared] = [data.shown, rows.length - 1, false, false, false];
  const make = (name, style, text) => {
    const made = document.createElement(name);
    made.style.cssText = style;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const ink = "color: var(--jp-content-font-color1, currentColor); ";
  const plain = ink + "font: inherit; font-size: 0.9em; cursor: pointer; background: transparent; border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 3px; padding: 1px 6px; ";
  const greatest = (m) => {
    let most = 0.01;
    for (let r = 0; r < rows.length; r++) for (let t = 1; t <= rows[r]; t++) most = Math.max(most, weight(m, r, t));
    return most;
  };
  const peaks = maps.map((_, m) => greatest(m));
  const strength = (m, r, t) => (hidden && t === 0 ? 0 : Math.min(1, weight(m, r, t) / (shared ? Math.max(...peaks) : peaks[m])));
  // Point by point into one picture: a rectangle for each of 100,000 cells would hold the page up.
  const paint = (canvas, m, cell) => {
    const wide = (canvas.width = labels.length * cell);
    canvas.height = rows.length * cell;
    const most = shared ? Math.max(...peaks) : peaks[m];
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(wide, canvas.height);
    const points = new Uint32Array(image.data.buffer);
    const hue = new Uint32Array(Uint8Array.of(61, 142, 240, 0).buffer)[0];
    const alpha = new Uint32Array(Uint8Array.of(0, 0, 0, 1).buffer)[0];
    const inner = cell > 3 ? cell - 1 : cell;
    for (let r = 0; r < rows.length; r++) {
      const from = m * size + starts[r];
      for (let t = 0; t <= rows[r]; t++) {
        const a = hidden && t === 0 ? 0 : Math.min(1, all[from + t] / 65535 / most);
        const colour = hue + alpha * Math.round(255 * (0.06 + 0.94 * a));
        for (let y = r * cell; y < r * cell + inner; y++) points.fill(colour, y * wide + t * cell, y * wide + t * cell + inner);
      }
    }
    pen.putImageData(image, 0, 0);
  };
  const body = make("div", ink);
  const bar = (label) => {
    const made = make("div", "display: flex; flex-wrap: wrap; gap: 4px; align-items: flex-end; padding: 4px 0");
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", label);
    body.append(made);
    return made;
  };
  const arrows = (list, event, i) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const next = list[Math.min(list.length - 1, Math.max(0, i + step))];
    next.focus();
    next.click();
    event.preventDefault();
    event.stopPropagation();
  };
  const press = (button, on) => {
    button.setAttribute("aria-pressed", String(on));
    button.style.outline = on ? "2px solid #e8762d" : "";
  };
  body.append(make("div", "font-weight: 600", data.title));
  const layers = [...new Set(maps.map(([layer]) => layer))];
  const layerButtons = layers.map((layer) => make("button", plain, "L" + layer));
  if (layers.length > 1) {
    const layerBar = bar("Layers");
    layerBar.append("Layer", ...layerButtons);
    layerButtons.forEach((button, i) => {
      button.type = "button";
      button.addEventListener("click", () => { choose(maps.findIndex(([layer, head]) => layer === layers[i] && head === maps[map][1])); });
      button.addEventListener("keydown", (event) => arrows(layerButtons, event, i));
    });
  }
  const headBar = bar("Heads");
  let headButtons = [];
  const drawHeads = () => {
    const focused = headButtons.indexOf(document.activeElement);
    const own = maps.map((_, m) => m).filter((m) => maps[m][0] === maps[map][0]);
    headButtons = own.map((m, i) => {
      const button = make("button", plain + "padding: 2px; display: flex; flex-direction: column; align-items: center");
      button.type = "button";
      const canvas = make("canvas", "width: 56px; height: 56px; image-rendering: pixelated");
      paint(canvas, m, 1);
      button.append(canvas, make("span", "font-size: 0.85em", "L" + maps[m][0] + "H" + maps[m][1]));
      button.setAttribute("aria-label", "Layer " + maps[m][0] + ", head " + maps[m][1]);
      press(button, m === map);
      button.addEventListener("click", () => choose(m));
      button.addEventListener("keydown", (event) => arrows(headButtons, event, i));
      return button;
    });
    headBar.replaceChildren(...headButtons);
    if (focused >= 0 && headButtons[focused]) headButtons[focused].focus();
  };
  const toggles = bar("How weights are shown");
  const toggle = (text, flip) => {
    const button = make("button", plain, text);
    button.type = "button";
    press(button, false);
    button.addEventListener("click", () => { press(button, flip()); drawHeads(); draw(); });
    toggles.append(button);
  };
  toggle("Hide the first token", () => (hidden = !hidden));
  if (maps.length > 1) toggle("One scale for all heads", () => (shared = !shared));
  const title = make("div", "padding: 4px 0 0; font-weight: 600");
  const strip = make("div", "position: relative; font-family: monospace; line-height: 2.6; padding: 30px 0 4px; max-height: 22em; overflow: auto");
  const spans = labels.map((label, token) => {
    const span = make("span", "padding: 2px 1px; border-radius: 3px; white-space: pre; cursor: default; display: inline-block; line-height: 1.3", label);
    const r = rows.indexOf(token);
    if (r >= 0) {
      span.style.cursor = "pointer";
      span.setAttribute("role", "button");
      span.addEventListener("mouseenter", () => { if (!pinned) { row = r; draw(); } });
      span.addEventListener("focus", () => { row = r; draw(); });
      span.addEventListener("click", () => { pinned = !(pinned && row === r); row = r; draw(); });
      span.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step) return;
        const next = rows[Math.min(rows.length - 1, Math.max(0, r + step))];
        spans[next].focus();
        event.preventDefault();
        event.stopPropagation();
      });
    }
    return span;
  });
  const space = "http://www.w3.org/2000/svg";
  const arcs = document.createElementNS(space, "svg");
  arcs.style.cssText = "position: absolute; left: 0; top: 0; pointer-events: none; overflow: visible";
  // Pieces of a text stand as close as in it; numbers of tokens would run into one.
  strip.append(arcs, ...spans.flatMap((span) => (data.apart ? [span, " "] : [span])));
  const told = make("div", "min-height: 3em; padding: 2px 0");
  told.setAttribute("role", "status");
  const picture = make("canvas", "max-width: 100%; cursor: crosshair; image-rendering: pixelated");
  picture.setAttribute("role", "img");
  const cell = Math.max(1, Math.min(18, Math.floor(420 / labels.length)));
  picture.addEventListener("mousemove", (event) => {
    const box = picture.getBoundingClientRect();
    const r = Math.floor(((event.clientY - box.top) / box.height) * rows.length);
    const t = Math.floor(((event.clientX - box.left) / box.width) * labels.length);
    if (rows[r] === undefined || t > rows[r] || t < 0) return;
    row = r;
    draw(t);
  });
  const draw = (at) => {
    spans.forEach((span, token) => {
      const a = strength(map, row, token);
      span.style.background = a > 0 ? "rgba(61, 142, 240, " + (0.55 * a).toFixed(2) + ")" : "";
      span.style.outline = token === rows[row] ? "2px solid #e8762d" : "";
      span.tabIndex = token === rows[row] ? 0 : -1;
    });
    const place = (token) => {
      const span = spans[token];
      return [span.offsetLeft + span.offsetWidth / 2, span.offsetTop];
    };
    const [x, y] = place(rows[row]);
    const paths = [];
    for (let token = 0; token < rows[row]; token++) {
      const a = strength(map, row, token);
      if (a < 0.05) continue;
      const [tx, ty] = place(token);
      const lift = Math.min(26, 8 + Math.abs(tx - x) / 12);
      const path = document.createElementNS(space, "path");
      path.setAttribute("d", "M" + x + " " + y + " C" + x + " " + (y - lift) + " " + tx + " " + (ty - lift) + " " + tx + " " + ty);
      path.setAttribute("fill", "none");
      path.setAttribute("stroke", "#3d8ef0");
      path.setAttribute("stroke-opacity", a.toFixed(2));
      path.setAttribute("stroke-width", (1 + 2 * a).toFixed(1));
      paths.push(path);
    }
    arcs.replaceChildren(...paths);
    const order = labels.map((_, token) => token).filter((token) => token <= rows[row] && !(hidden && token === 0));
    order.sort((a, b) => weight(map, row, b) - weight(map, row, a));
    const words = order.slice(0, 6).map((token) => labels[token] + " " + weight(map, row, token).toFixed(3));
    told.textContent = (at === undefined ? "" : labels[rows[row]] + " to " + labels[at] + ": " + weight(map, row, at).toFixed(3) + ".  ") + labels[rows[row]] + " (token " + rows[row] + ") looks at " + words.join(", ");
  };
  const choose = (m) => {
    map = m;
    title.textContent = "Layer " + maps[m][0] + ", head " + maps[m][1];
    layerButtons.forEach((button, i) => press(button, layers[i] === maps[m][0]));
    drawHeads();
    paint(picture, map, cell);
    picture.setAttribute("aria-label", title.textContent + ": rows look at columns");
    draw();
  };
  body.append(title, strip, told, picture, make("div", "padding: 2px 0", "Rows look at columns. Point at a token, or reach it by Tab and the arrow keys; a click keeps it."));
  const still = root.querySelector("img");
  still.replaceWith(body);
  choose(map);
  new ResizeObserver(() => draw()).observe(strip);
}`;
