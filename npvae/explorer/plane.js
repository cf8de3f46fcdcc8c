"use strict";
// The latent plane: what lies behind, q and its draws, and the arrows.

const TILES = 21, CELLS = 84;

// The square that is shown: all but a few codes, and the circle of N(0, I) at 2.
function windowOf(model) {
  const range = j => {
    const values = model.means.filter((_, i) => i % 2 === j).sort();
    const cut = Math.floor(0.002 * values.length);
    return [Math.min(-2.6, values[cut]), Math.max(2.6, values[values.length - 1 - cut])];
  };
  const [[left, right], [low, high]] = [range(0), range(1)];
  const size = 1.06 * Math.max(right - left, high - low);
  return {x: (left + right - size) / 2, y: (low + high - size) / 2, size};
}

function decodedMap(model, window, c, side) {
  const map = new Float64Array((TILES * side) ** 2), step = window.size / TILES;
  for (let row = 0; row < TILES; row++)
    for (let column = 0; column < TILES; column++) {
      const z = [window.x + (column + 0.5) * step, window.y + window.size - (row + 0.5) * step];
      const {pixels} = decode(model, z, c);
      for (let r = 0; r < side; r++)
        map.set(pixels.subarray(r * side, (r + 1) * side), ((row * side + r) * TILES + column) * side);
    }
  return bitmap(map, TILES * side, SCALES.pale);         // for what lies over it
}

// The aggregate posterior less N(0, I), cell by cell, and how much of it lies elsewhere: all but what
// the two have in common, over a square of twice the width, beyond which N(0, I) is next to nothing.
function lessNormal(model, window) {
  const {x, y, size} = window, wide = {x: x - size / 2, y: y - size / 2, size: 2 * size}, n = 2 * CELLS;
  const codes = aggregate(model.means, model.deviations, wide, n);
  const normal = aggregate([0, 0], [1, 1], wide, n);
  const area = (window.size / CELLS) ** 2, highest = 1 / (2 * Math.PI);
  const shown = new Float64Array(CELLS ** 2);
  shown.forEach((_, i) => {
    const [row, column] = [Math.floor(i / CELLS), i % CELLS];
    const from = (CELLS / 2 + CELLS - 1 - row) * n + CELLS / 2 + column;
    shown[i] = 0.5 + 0.5 * (codes[from] - normal[from]) / area / highest;
  });
  const common = sum(codes.map((v, i) => Math.min(v, normal[i])));
  return {shown, share: 1 - common};
}

function densityMap(model, window) {
  const {shown, share} = lessNormal(model, window);
  return {picture: bitmap(shown, CELLS, SCALES.difference), share};
}

function codesMap(model, stored, to, pixels) {
  const picture = document.createElement("canvas"), ratio = window.devicePixelRatio || 1;
  picture.width = picture.height = pixels * ratio;
  const ink = picture.getContext("2d");
  ink.scale(ratio, ratio);
  const at = i => to.at(model.means.subarray(2 * i, 2 * i + 2));
  stored.labels.forEach((label, i) => dot(ink, ...at(i), 1.6, stored.classes[label]));
  ink.font = "bold 17px system-ui, sans-serif";
  stored.classes.forEach((colour, digit) => {                  // each name at its median
    const own = [...stored.labels.keys()].filter(i => stored.labels[i] === digit).map(at);
    const middle = j => own.map(p => p[j]).sort((a, b) => a - b)[own.length >> 1];
    if (own.length)
      text(ink, digit, middle(0), middle(1), {align: "center", baseline: "middle", colour});
  });
  return picture;
}

function drawAxes(ink, window, to, pixels) {
  const step = roundDown(window.size / 4);
  ink.fillStyle = "#111";
  for (let v = Math.ceil(window.x / step) * step; v < window.x + window.size; v += step) {
    const [px] = to.at([v, 0]);
    ink.fillRect(px, pixels - 5, 1, 5);
    if (px > 20 && px < pixels - 60) text(ink, +v.toFixed(6), px, pixels - 8, {align: "center"});
  }
  for (let v = Math.ceil(window.y / step) * step; v < window.y + window.size; v += step) {
    const [, py] = to.at([0, v]);
    ink.fillRect(0, py, 5, 1);
    if (py > 40 && py < pixels - 24) text(ink, +v.toFixed(6), 8, py, {baseline: "middle"});
  }
  text(ink, "z₁", pixels - 8, pixels - 8, {align: "right"});
  text(ink, "z₂", 8, 16);
  ink.strokeStyle = "#999";
  ink.lineWidth = 1;
  ink.strokeRect(0.5, 0.5, pixels - 1, pixels - 1);
}

// What lies behind is drawn once for each model, and kept.
function drawBackground(ink, state, stored, to, pixels) {
  const {model, view} = state;
  const key = {map: `map ${condition(state)}`, codes: `codes ${pixels}`, density: "density"}[view];
  const make = {
    map: () => ({picture: decodedMap(model, model.window, condition(state), stored.side)}),
    codes: () => ({picture: codesMap(model, stored, to, pixels)}),
    density: () => densityMap(model, model.window)};
  model.behind = model.behind || {};
  model.behind[key] = model.behind[key] || make[view]();
  ink.imageSmoothingEnabled = view === "map";
  ink.drawImage(model.behind[key].picture, 0, 0, pixels, pixels);
  return model.behind[key].share;
}

function drawQ(ink, state, found, to) {
  const {q, noise} = state, {std, z} = found.f, [x, y] = to.at(q.mu), [zx, zy] = to.at(z);
  if (state.model.kind !== "autoencoder") {
    for (const eps of noise) dot(ink, ...to.at(q.mu.map((mu, j) => mu + std[j] * eps[j])), 2, "#000");
    for (const n of [1, 2])
      ellipse(ink, x, y, n * std[0] * to.scale, n * std[1] * to.scale, "#000", 1.6);
    cross(ink, x, y, 6, "#000");
  } else cross(ink, ...to.at(state.encoded.mu), 6, "#000");
  ellipse(ink, zx, zy, 7, 7, COLOURS.z, 3);
}

// Each way's arrow: of the shown draw, thin, and of the mean of many, thick. From mu, or from the
// ends of the ellipse, where an arrow is the pull on its width. Returns the nats for the bar.
function drawArrows(ink, state, found, to, pixels) {
  const {q, draws, model} = state, {f, g, means} = found, point = model.kind === "autoencoder";
  const of = state.of === "mu" || point ? "dmu" : "dstd";
  const ways = [["score", COLOURS.orange, [7, 4]], ["path", COLOURS.blue, []],
                ["kl", COLOURS.green, [2, 4]]].filter(([way]) => !point || way === "path");
  const known = way => draws.length && way !== "kl" ? means[way][of] : g[way][of];
  const lengths = ways.filter(([way]) => way !== "score").map(([way]) => Math.hypot(...known(way)));
  const largest = Math.max(...lengths, 1e-3);
  const bar = pixels / 8, nats = roundDown(largest / 2), scale = bar / nats, longest = 0.42 * pixels;
  const from = to.at(q.mu), right = to.at([q.mu[0] + f.std[0], q.mu[1]]);
  const top = to.at([q.mu[0], q.mu[1] + f.std[1]]);
  const one = (d, colour, style) => {
    const [dx, dy] = [-scale * d[0], scale * d[1]];            // downhill; the page's y points down
    if (of === "dmu") arrow(ink, ...from, dx, dy, colour, style);
    else {
      arrow(ink, ...right, dx, 0, colour, style);
      arrow(ink, ...top, 0, dy, colour, style);
    }
  };
  for (const [way, colour, dash] of ways) {
    if (draws.length && way !== "kl") one(g[way][of], colour, {width: 1.5, dash, longest});
    one(known(way), colour, {width: 3.5, dash, longest});
  }
  ink.fillStyle = "#111";
  ink.fillRect(pixels - bar - 10, 22, bar, 3);
  text(ink, nats, pixels - 10 - bar / 2, 17, {align: "center"});
  return nats;
}

function drawPlane(canvas, state, stored, found) {
  const {ink, width: pixels} = surface(canvas), {model} = state;
  model.window = model.window || windowOf(model);
  const to = lens(model.window, pixels), [ox, oy] = to.at([0, 0]);
  const share = drawBackground(ink, state, stored, to, pixels);
  for (const n of [1, 2]) ellipse(ink, ox, oy, n * to.scale, n * to.scale, COLOURS.grey, 1.2, [5, 5]);
  drawAxes(ink, model.window, to, pixels);
  drawQ(ink, state, found, to);
  return {nats: drawArrows(ink, state, found, to, pixels), share};
}
