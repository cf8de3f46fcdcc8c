"use strict";
// Canvases, images of pixels, arrows and ellipses.

const COLOURS = {};                                    // by name; filled from what is stored
const SCALES = {};                                     // of 256 colours each

// A canvas as large as it is shown, in the device's pixels; drawing is in those of the page.
function surface(canvas, aspect = 1) {
  const width = canvas.clientWidth || 300, height = Math.round(width * aspect);
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = height + "px";
  }
  const ink = canvas.getContext("2d");
  ink.setTransform(ratio, 0, 0, ratio, 0, 0);
  ink.clearRect(0, 0, width, height);
  ink.font = "12px system-ui, sans-serif";
  return {ink, width, height};
}

// values (rows * columns), from 0 to 1, as an image of as many pixels; of what lies beyond, the end's.
function bitmap(values, columns, colours) {
  const rows = values.length / columns, canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const ink = canvas.getContext("2d"), picture = ink.createImageData(columns, rows);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < values.length; i++)
    pixels[i] = colours[Math.round(255 * Math.min(1, Math.max(0, values[i])))];
  ink.putImageData(picture, 0, 0);
  return canvas;
}

// 256 colours, evenly from one to another by way of others.
function colourScale(...names) {
  const ends = names.map(name => COLOURS[name] || name).map(hex =>
    [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16)));
  const bytes = Uint8Array.from({length: 4 * 256}, (_, i) => {        // red, green, blue, opaque
    const at = Math.floor(i / 4) / 255 * (ends.length - 1);
    const n = Math.min(Math.floor(at), ends.length - 2);
    return i % 4 === 3 ? 255 : Math.round((1 - at + n) * ends[n][i % 4] + (at - n) * ends[n + 1][i % 4]);
  });
  return new Uint32Array(bytes.buffer);
}

function showImage(canvas, values, side, colours, mark) {
  const {ink, width, height} = surface(canvas);
  ink.imageSmoothingEnabled = false;
  ink.drawImage(bitmap(values, side, colours), 0, 0, width, height);
  if (mark) {
    ink.strokeStyle = COLOURS.blue;
    ink.lineWidth = 2;
    ink.strokeRect(mark.column * width / side, mark.row * height / side, width / side, height / side);
  }
}

function haloed(ink, path, colour, width) {            // a line that is seen on black and on white
  for (const [style, more] of [["#fff", 3], [colour, 0]]) {
    ink.strokeStyle = style;
    ink.lineWidth = width + more;
    path();
    ink.stroke();
  }
}

function ellipse(ink, x, y, a, b, colour, width = 2, dash = []) {
  ink.setLineDash(dash);
  haloed(ink, () => { ink.beginPath(); ink.ellipse(x, y, a, b, 0, 0, 2 * Math.PI); }, colour, width);
  ink.setLineDash([]);
}

function dot(ink, x, y, r, colour) {
  ink.fillStyle = colour;
  ink.beginPath();
  ink.arc(x, y, r, 0, 2 * Math.PI);
  ink.fill();
}

function cross(ink, x, y, r, colour) {
  haloed(ink, () => {
    ink.beginPath();
    ink.moveTo(x - r, y);
    ink.lineTo(x + r, y);
    ink.moveTo(x, y - r);
    ink.lineTo(x, y + r);
  }, colour, 2);
}

// An arrow from (x, y) by (dx, dy); cut off where it is longer than `longest`, with two heads then.
function arrow(ink, x, y, dx, dy, colour, {width = 3, dash = [], longest = Infinity} = {}) {
  const length = Math.hypot(dx, dy), cut = length > longest;
  if (!(length > 1)) return;
  const shown = Math.min(length, longest), ux = dx / length, uy = dy / length, head = 4 + 2 * width;
  const at = d => [x + ux * d, y + uy * d];
  ink.setLineDash(dash);
  haloed(ink, () => {
    ink.beginPath();
    ink.moveTo(x, y);
    ink.lineTo(...at(Math.max(0, shown - head)));
  }, colour, width);
  ink.setLineDash([]);
  ink.fillStyle = colour;
  for (const tip of cut ? [shown, shown - head] : [shown]) {
    const [ex, ey] = at(tip), [bx, by] = at(tip - Math.min(head, shown));
    ink.beginPath();
    ink.moveTo(ex, ey);
    ink.lineTo(bx - uy * head / 2, by + ux * head / 2);
    ink.lineTo(bx + uy * head / 2, by - ux * head / 2);
    ink.fill();
  }
}

function text(ink, words, x, y, {align = "left", colour = "#111", baseline = "alphabetic"} = {}) {
  ink.textAlign = align;
  ink.textBaseline = baseline;
  ink.lineJoin = "round";
  ink.strokeStyle = "#fff";
  ink.lineWidth = 4;
  ink.strokeText(words, x, y);
  ink.fillStyle = colour;
  ink.fillText(words, x, y);
}

// The largest of 1, 2, 5, 10, 20, ... that is at most v.
function roundDown(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  return power * [5, 2, 1].find(step => step * power <= v * (1 + 1e-12));
}

// A window {x, y, size} of a plane, shown in a square of so many pixels: both ways.
function lens({x, y, size}, pixels) {
  const scale = pixels / size;
  return {scale, at: z => [(z[0] - x) * scale, pixels - (z[1] - y) * scale],
          of: (px, py) => [x + px / scale, y + (pixels - py) / scale]};
}
