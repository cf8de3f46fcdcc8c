"use strict";
// What is shown, what changes it, and the frame in which it is computed and drawn.

const MOST_DRAWS = 400, RAIN_A_FRAME = 2, MILLISECONDS_A_FRAME = 8;

let stored, models;
const random = generator(1);
const state = {
  view: "map", move: "z", of: "mu", label: 7, baseline: false, raining: false,
  model: null,                         // the one that is shown
  x: null, strokes: [],                // the image, and the pen's strokes where it was drawn
  encoded: null, q: null,              // as the encoder says; as it was moved by hand, or the same
  eps: Float64Array.of(0.6, -0.8),     // of the shown draw: z = mu + std * eps
  noise: [], draws: [],                // the eps that are held; what was computed of them for this q
  pixel: null, shift: 0,
};
const timing = {first: 0, count: 0, milliseconds: 0};

const condition = ({model, label}) =>
  model.kind === "conditional_vae" ? oneHot(label, stored.classes.length) : [];
const isPoint = () => state.model.kind === "autoencoder";

// ---- What changes ---------------------------------------------------------------------------

function setModel(kind, beta = byId("beta").value) {
  const all = models.filter(m => m.kind === kind);
  const entry = kind === "vae" ? all[beta] : all[0];
  entry.model = entry.model || unpack(entry);
  state.model = entry.model;
  byId("beta").value = beta;
  encodeAgain();
}

function setImage(x, label) {
  state.x = x;
  if (label !== undefined) state.label = label;
  encodeAgain();
}

function encodeAgain() {
  state.encoded = encode(state.model, state.x, condition(state));
  setQ(state.encoded);
}

function setQ(q) {
  state.q = q;
  state.draws = [];                    // the eps stay; z and the gradients are others
  changed();
}

function moveTo(z) {                   // what is dragged goes to z
  const {q, move} = state, std = q.logvar.map(v => Math.exp(0.5 * v));
  z = Float64Array.from(z);
  if (isPoint() || move === "mu") setQ({mu: z, logvar: q.logvar});
  else if (move === "sigma")
    setQ({mu: q.mu, logvar: z.map((v, j) => 2 * Math.log(Math.max(0.01, Math.abs(v - q.mu[j]))))});
  else setEps(z.map((v, j) => (v - q.mu[j]) / std[j]));
}

function setEps(eps) { state.eps = Float64Array.from(eps); changed(); }

function setStrokes(strokes) {
  state.strokes = strokes;
  const side = stored.side;
  setImage(strokes.length ? ink(centred(strokes, side), side) : new Float64Array(side * side));
}

function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  document.querySelectorAll("[data-text]").forEach(e => { e.textContent = say(e.dataset.text); });
  document.querySelectorAll("[data-label]").forEach(e => {
    e.setAttribute("aria-label", say(e.dataset.label));
  });
  for (const name of Object.keys(WORDS)) byId(name).setAttribute("aria-pressed", name === chosen);
  showThumbnails();
  changed();
}

// ---- A frame --------------------------------------------------------------------------------

function compute() {
  const {model, x, q, eps, noise, draws} = state, c = condition(state), beta = model.beta;
  const one = eps => {
    const f = forward(model, x, c, q, eps);
    return {f, g: backward(model, x, q, eps, f, beta)};
  };
  const found = one(eps);
  // of the held noise as much as fits into a frame; the rest in the next
  const until = performance.now() + MILLISECONDS_A_FRAME;
  while (!isPoint() && draws.length < noise.length && performance.now() < until) {
    const {f, g} = one(noise[draws.length]);
    const {z, std, reconstruction} = f;
    draws.push({eps: noise[draws.length], z, std, reconstruction, path: g.path});
  }
  const costs = draws.map(d => d.reconstruction), others = baselines(costs);
  const of = i => state.baseline ? others[i] : 0;
  found.g.score = score(eps, found.f, state.baseline && costs.length ? mean(costs) : 0);
  if (draws.length) {
    found.ways = {path: draws.map(d => d.path), score: draws.map((d, i) => score(d.eps, d, of(i)))};
    const average = way => Object.fromEntries(["dmu", "dstd"].map(of =>
      [of, [0, 1].map(j => mean(found.ways[way].map(d => d[of][j])))]));
    found.means = {reconstruction: mean(costs), path: average("path"), score: average("score")};
  }
  return found;
}

function frame() {
  timing.waiting = false;
  const start = performance.now();
  if (state.raining) {
    for (let i = 0; i < RAIN_A_FRAME; i++) state.noise.push(drawNoise(random, 2));
    state.raining = state.noise.length < MOST_DRAWS;
  }
  const found = compute(), side = stored.side, {f} = found, {kind} = state.model;
  for (const [id, hidden] of [["beta-row", kind !== "vae"], ["label-row", kind !== "conditional_vae"],
                              ["all-labels", kind !== "conditional_vae"], ["move-row", isPoint()],
                              ["noise-row", isPoint()], ["ways", isPoint()]])
    byId(id).hidden = hidden;
  // first what is drawn, then what is written: so the page is laid out once
  const {nats, share} = drawPlane(byId("plane"), state, stored, found);
  showImage(byId("x"), state.x, side, SCALES.grey, state.pixel);
  showImage(byId("decoded"), f.pixels, side, SCALES.grey, state.pixel);
  showImage(byId("cost"), f.crossEntropy.map(v => v / 3), side, SCALES.cost, state.pixel);
  showImage(byId("pad"), ink(state.strokes, side), side, SCALES.grey);
  if (kind === "conditional_vae") showAllLabels(f.z);
  if (!isPoint()) {
    drawNoisePlane(byId("noise"), state);
    drawGradient(byId("gradient"), state, found);
    showNumbers(document.querySelector("#numbers tbody"), byId("ratio"), state, found);
  }
  showTerms(document.querySelector("#terms tbody"), state, found);
  showWords(found, nats, share);
  timing.milliseconds = performance.now() - start;
  timing.count += 1;
  timing.first = timing.first || performance.now();
  if (state.raining || !isPoint() && state.draws.length < state.noise.length) changed();
}

function changed() {                   // nothing moves unless something has changed
  if (!timing.waiting) requestAnimationFrame(frame);
  timing.waiting = true;
}

function showAllLabels(z) {
  const n = stored.classes.length, side = stored.side, strip = new Float64Array(n * side * side);
  for (let label = 0; label < n; label++) {
    const {pixels} = decode(state.model, z, oneHot(label, n));
    for (let r = 0; r < side; r++)
      strip.set(pixels.subarray(r * side, (r + 1) * side), (r * n + label) * side);
  }
  const {ink, width, height} = surface(byId("labels"), 1 / n);
  ink.drawImage(bitmap(strip, n * side, SCALES.grey), 0, 0, width, height);
  ink.strokeStyle = COLOURS.blue;
  ink.lineWidth = 2;
  ink.strokeRect(state.label * width / n + 1, 1, width / n - 2, height - 2);
}

function showWords({f}, nats, share) {
  const {model, q, pixel, draws, view} = state, kind = model.kind, side = stored.side;
  const about = {autoencoder: "aboutAutoencoder", vae: "aboutVae", conditional_vae: "aboutConditional"};
  write(byId("about"), say(about[kind]));
  write(byId("beta-value"), String(model.beta));
  write(byId("view-key"), say(view + "Key", {n: stored.labels.length, share: number(100 * share, 2)}));
  write(byId("q-key"), say(isPoint() ? "pointKey" : "ellipseKey"));
  write(byId("arrows-key"), say("arrowsKey", {per: +nats.toFixed(6)}));
  write(byId("status"), say("status", {z1: number(f.z[0], 3), z2: number(f.z[1], 3),
    reconstruction: number(f.reconstruction), kl: number(f.kl), elbo: number(f.reconstruction + f.kl)}));
  write(byId("whose"), say(q === state.encoded ? "encoders" : "byHand"));
  byId("back").disabled = q === state.encoded;
  for (const way of ["kl", "score"]) document.querySelector(`#latent .${way}`).hidden = isPoint();
  write(byId("noise-note"), say(isPoint() ? "pointNote" : "noiseNote"));
  write(byId("rain"), say(state.raining ? "stop" : "rain"));
  document.querySelectorAll(".mean-of").forEach(e => {
    write(e, draws.length ? say("meanOf", {n: draws.length}) : say("noDraws"));
  });
  const i = pixel && pixel.row * side + pixel.column;
  write(byId("pixel"), pixel === null ? say("pixelHint") : say("pixel", {
    row: pixel.row + 1, column: pixel.column + 1, x: number(state.x[i], 3), p: number(f.pixels[i], 3),
    cost: number(f.crossEntropy[i], 3)}));
  for (const name of ["model", "view", "move", "of", "label"]) {
    const value = name === "model" ? kind : state[name];
    for (const e of document.querySelectorAll(`input[name=${name}]`))
      e.checked = e.value === String(value);
  }
  byId("baseline").checked = state.baseline;
}
