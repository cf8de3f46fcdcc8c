"use strict";
// Mouse, touch and keyboard: what they do to what is shown.

// Where on a canvas, from 0 to 1; y from the top.
function place(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

// A pointer that is pressed on a canvas and moved, be it mouse, pen or finger.
function onDrag(canvas, drag, {hover = false, end = () => {}} = {}) {
  const move = event => {
    if (hover || canvas.hasPointerCapture(event.pointerId)) drag(place(canvas, event), false);
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({preventScroll: true});
    drag(place(canvas, event), true);
  });
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

function onArrows(canvas, step) {      // step(right, up), five times as far with Shift
  canvas.addEventListener("keydown", event => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    step(...STEPS[event.key].map(v => event.shiftKey ? 5 * v : v));
  });
}

function onChoice(name, choose) {
  document.querySelectorAll(`input[name=${name}]`).forEach(e =>
    e.addEventListener("change", () => choose(e.value)));
}

function listen() {
  const plane = byId("plane"), side = stored.side;
  onDrag(plane, ([u, v]) => {
    const {x, y, size} = state.model.window;
    moveTo([x + u * size, y + (1 - v) * size]);
  });
  onArrows(plane, (right, up) => {
    const step = state.model.window.size / 120, {q, eps, move} = state;
    const std = q.logvar.map(v => Math.exp(0.5 * v)), by = [right * step, up * step];
    if (isPoint() || move === "mu") moveTo(q.mu.map((mu, j) => mu + by[j]));
    else if (move === "sigma") moveTo(q.mu.map((mu, j) => mu + Math.max(0, std[j] + by[j])));
    else moveTo(q.mu.map((mu, j) => mu + std[j] * eps[j] + by[j]));
  });

  onDrag(byId("noise"), ([u, v]) => setEps([NOISE.x + u * NOISE.size, NOISE.y + (1 - v) * NOISE.size]));
  onArrows(byId("noise"), (right, up) => setEps(state.eps.map((e, j) => e + 0.05 * [right, up][j])));

  const pointAt = (column, row) => {
    const inside = v => Math.min(side - 1, Math.max(0, Math.floor(v)));
    state.pixel = {column: inside(column), row: inside(row)};
    changed();
  };
  for (const canvas of ["x", "decoded", "cost"].map(byId)) {
    onDrag(canvas, ([u, v]) => pointAt(side * u, side * v), {hover: true});
    onArrows(canvas, (right, up) => {
      const {column, row} = state.pixel || {column: side / 2, row: side / 2};
      pointAt(column + right, row - up);
    });
  }

  let after = [];                      // strokes drawn before this one
  onDrag(byId("pad"), ([u, v], first) => {
    if (first) after = [...state.strokes, []];
    after[after.length - 1].push({x: side * u, y: side * v});
    setStrokes(after);
  });

  onChoice("model", kind => setModel(kind));
  byId("beta").addEventListener("input", () => setModel("vae"));
  onChoice("view", view => { state.view = view; changed(); });
  onChoice("move", move => { state.move = move; changed(); });
  onChoice("of", of => { state.of = of; changed(); });
  onChoice("label", label => { state.label = +label; encodeAgain(); });
  byId("baseline").addEventListener("change", event => {
    state.baseline = event.target.checked;
    changed();
  });
  const does = {
    en: () => setLanguage("en"), ko: () => setLanguage("ko"), back: () => setQ(state.encoded),
    others: () => { state.shift += 1; showThumbnails(); }, clear: () => setStrokes([]),
    draw: () => setEps(drawNoise(random, 2)), rain: () => {
      if (state.noise.length >= MOST_DRAWS) Object.assign(state, {noise: [], draws: []});
      state.raining = !state.raining;
      changed();
    },
    forget: () => { Object.assign(state, {noise: [], draws: [], raining: false}); changed(); },
  };
  for (const [id, act] of Object.entries(does)) byId(id).addEventListener("click", act);
  window.addEventListener("resize", changed);
}

// ---- Test images to take, and things to try -------------------------------------------------

function take(i) {
  state.strokes = [];
  setImage(image(stored, i), stored.labels[i]);
}

function showThumbnails() {            // one of each class; `shift` says which
  const n = stored.pixels.length / stored.side ** 2, all = [...stored.labels.keys()].slice(0, n);
  byId("thumbnails").replaceChildren(...stored.classes.flatMap((_, digit) => {
    const own = all.filter(i => stored.labels[i] === digit), i = own[state.shift % own.length];
    if (!own.length) return [];
    const button = document.createElement("button");
    button.setAttribute("aria-label", say("testImage", {digit}));
    button.append(bitmap(image(stored, i), stored.side, SCALES.grey));
    button.addEventListener("click", () => take(i));
    return button;
  }));
}

function rain() {
  state.noise = Array.from({length: 200}, () => drawNoise(random, 2));
  state.draws = [];
}

const TRIES = [
  () => { setModel("vae", standard()); state.move = "z"; state.view = "map"; },
  () => { setModel("vae", standard()); rain(); state.move = "sigma"; },
  () => {
    setModel("vae", standard());
    rain();
    state.of = "mu";
    state.move = "mu";
    setQ({mu: state.q.mu.map(v => v + 0.4), logvar: state.q.logvar});
  },
  () => { setModel("vae", standard()); rain(); state.baseline = false; },
  () => { setModel("autoencoder"); state.view = "codes"; },
  () => { setModel("conditional_vae"); state.view = "map"; state.move = "z"; },
  () => { setModel("vae", byId("beta").max); state.view = "density"; },
];
const standard = () => models.filter(m => m.kind === "vae").findIndex(m => m.beta === 1);

function showTries() {
  const list = document.querySelector("#try ol");
  TRIES.forEach((act, i) => {
    const item = document.createElement("li"), words = document.createElement("span");
    const button = document.createElement("button");
    words.dataset.text = `try${i + 1}`;
    button.dataset.text = "tryIt";
    button.addEventListener("click", () => {
      act();
      changed();
      byId("plane").scrollIntoView({block: "center"});
    });
    item.append(words, button);
    list.append(item);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  stored = JSON.parse(byId("stored").textContent);
  models = stored.models;
  stored.labels = bytes(stored.labels);
  stored.pixels = bytes(stored.pixels);
  Object.assign(COLOURS, stored.colours);
  Object.assign(SCALES, {
    grey: colourScale("#ffffff", "#000000"), pale: colourScale("#ffffff", "#606060"),
    cost: colourScale("#ffffff", "orange"), difference: colourScale("blue", "#ffffff", "orange")});
  byId("beta").max = models.filter(m => m.kind === "vae").length - 1;
  byId("beta").value = standard();
  stored.classes.forEach((_, digit) => {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, {type: "radio", name: "label", value: digit});
    label.append(input, digit);
    byId("label-row").append(label);
  });
  state.x = image(stored, 0);
  state.label = stored.labels[0];
  setModel("vae");
  showTries();
  listen();
  setLanguage(language);
});
