"use strict";
// The panels beside the plane: the terms as bars, eps on its own plane, the gradient's two ways.

const NOISE = {x: -3.3, y: -3.3, size: 6.6};           // the window of the noise's plane

const byId = id => document.getElementById(id);

function write(element, words) {         // only what is new: so that the page is laid out less often
  if (element.textContent !== words) element.textContent = words;
}

function number(v, digits = 4) {                       // with so many digits that say something
  if (!Number.isFinite(v)) return v > 0 ? "∞" : v < 0 ? "−∞" : "–";
  if (v === 0) return "0";
  const after = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.max(Math.abs(v), 0.1))));
  return v.toFixed(Math.min(3, after)).replace("-", "−");
}

function row(cells) {                                  // of a table: a name, and what follows
  const tr = document.createElement("tr");
  cells.forEach((cell, i) => {
    const td = document.createElement(i ? "td" : "th");
    td.append(cell);
    tr.append(td);
  });
  return tr;
}

// A bar of parts [nats, colour], as long as their share of `most`.
function bar(parts, most) {
  const box = document.createElement("div");
  box.className = "bar";
  for (const [nats, colour] of parts) {
    const part = document.createElement("i");
    part.style.width = 100 * Math.min(1, nats / most) + "%";
    part.style.background = colour;
    box.append(part);
  }
  return box;
}

// Rows of bars, in nats: this draw's above, the mean over the draws below it, paler.
function showTerms(body, state, found) {
  const {f, means} = found, beta = state.model.beta, point = state.model.kind === "autoencoder";
  const kl = point ? 0 : f.kl, average = means && means.reconstruction;
  const {blue, green} = COLOURS;
  const terms = [[say("reconstruction"), r => [[r, blue]], r => r]];
  terms.push([say("kl"), () => [[kl, green]], () => f.kl]);
  if (!point) terms.push([say("negativeElbo"), r => [[r, blue], [kl, green]], r => r + kl]);
  if (!point && beta !== 1)
    terms.push([say("weighted", {beta}), r => [[r, blue], [beta * kl, green]], r => r + beta * kl]);
  const most = Math.max(250, 1.02 * Math.max(f.reconstruction, average || 0) + kl * Math.max(1, beta));
  body.replaceChildren(...terms.map(([name, parts, value]) => {
    const box = document.createElement("div");
    box.append(bar(parts(f.reconstruction), most));
    if (means) box.append(bar(parts(average), most));
    const tr = row([name, box, number(value(f.reconstruction)), means ? number(value(average)) : "–"]);
    tr.children[1].className = "bars";
    return tr;
  }));
}

function drawNoisePlane(canvas, state) {
  const {ink, width: pixels} = surface(canvas), to = lens(NOISE, pixels), [ox, oy] = to.at([0, 0]);
  for (const n of [1, 2, 3]) ellipse(ink, ox, oy, n * to.scale, n * to.scale, COLOURS.grey, 1, [4, 4]);
  cross(ink, ox, oy, 4, COLOURS.grey);
  state.noise.forEach(eps => dot(ink, ...to.at(eps), 2, "#000"));
  ellipse(ink, ...to.at(state.eps), 6, 6, COLOURS.z, 3);
  text(ink, "eps₁", pixels - 6, pixels - 6, {align: "right"});
  text(ink, "eps₂", 6, 14);
}

// The gradient's draws by one way, downhill: dots, a ring of round radius, their mean and spread.
function drawCloud(ink, left, size, values, colour, dash, name, kl) {
  const middle = [left + size / 2, size / 2 + 18], points = [0, 1].map(j => values.map(v => -v[j]));
  const far = points[0].map((v, i) => Math.hypot(v, points[1][i])).sort((a, b) => a - b);
  const ring = roundDown(Math.max(far[Math.floor(0.9 * (far.length - 1))], 1e-3));
  const scale = 0.24 * size / ring;
  const at = (u, v) => [middle[0] + scale * u, middle[1] - scale * v];
  ink.save();
  ink.beginPath();
  ink.rect(left, 18, size, size);
  ink.clip();
  ellipse(ink, ...middle, scale * ring, scale * ring, COLOURS.grey, 1, [4, 4]);
  cross(ink, ...middle, 4, COLOURS.grey);
  ink.globalAlpha = 0.5;
  far.forEach((_, i) => dot(ink, ...at(points[0][i], points[1][i]), 2, colour));
  ink.globalAlpha = 1;
  const [u, v] = points.map(mean), longest = size / 2;
  if (far.length > 2)
    ellipse(ink, ...at(u, v), scale * spread(points[0]), scale * spread(points[1]), colour, 1.5);
  if (kl) arrow(ink, ...middle, -scale * kl[0], scale * kl[1], COLOURS.green, {dash: [2, 4], longest});
  arrow(ink, ...middle, scale * u, -scale * v, colour, {dash, longest});
  ink.restore();
  ink.strokeStyle = "#999";
  ink.lineWidth = 1;
  ink.strokeRect(left + 0.5, 18.5, size - 1, size - 1);
  text(ink, name, left + size / 2, 13, {align: "center"});
  text(ink, say("ring", {r: +ring.toFixed(6)}), left + size / 2, size + 34, {align: "center"});
}

const LETTERS = {mu: ["dmu", "μ"], sigma: ["dstd", "σ"]};

function drawGradient(canvas, state, {g, ways}) {
  const [of] = LETTERS[state.of], {ink, width} = surface(canvas, 0.62), size = (width - 12) / 2;
  const values = way => ways ? ways[way].map(d => d[of]) : [g[way][of]];
  drawCloud(ink, 0, size, values("path"), COLOURS.blue, [], say("path"), g.kl[of]);
  drawCloud(ink, size + 12, size, values("score"), COLOURS.orange, [7, 4], say("score"));
}

// The same in numbers, downhill: of this draw, in the mean, and how far one draw lies from the mean.
function showNumbers(body, ratio, state, {g, ways, means}) {
  const [of, letter] = LETTERS[state.of], one = {};
  body.replaceChildren(...["path", "klWay", "score"].flatMap(way => [0, 1].map(j => {
    const known = way === "klWay", d = g[known ? "kl" : way][of][j];
    const average = known ? d : means ? means[way][of][j] : NaN;
    one[way + j] = known ? 0 : ways && ways[way].length > 1 ? spread(ways[way].map(v => v[of][j])) : NaN;
    const name = `${say(way)}, ${letter}${"₁₂"[j]}`;
    const tr = row([name, number(-d), number(-average), number(one[way + j])]);
    tr.firstChild.className = known ? "kl" : way;
    return tr;
  })));
  const [path, score] = ["path", "score"].map(way => Math.hypot(one[way + 0], one[way + 1]));
  write(ratio, Number.isFinite(path)
    ? say("spreads", {path: number(path, 3), score: number(score, 3), ratio: number(score / path, 2)})
    : say("rainFirst"));
}
