"use strict";
// What the page holds: models in half precision, test images, and where each model puts them.

function bytes(base64) {
  const text = atob(base64), found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
  return found;
}

function halves(base64) {                              // float16, as numbers
  return Float64Array.from(new Uint16Array(bytes(base64).buffer), half);
}

const POWERS = Array.from({length: 31}, (_, exponent) => 2 ** (Math.max(exponent, 1) - 15));

function half(bits) {                                  // 1 bit of sign, 5 of exponent, 10 of fraction
  const exponent = bits >> 10 & 31, fraction = (bits & 1023) / 1024;
  return (bits >> 15 ? -1 : 1) * ((exponent > 0) + fraction) * POWERS[exponent];
}

function unpack(stored) {                              // a model, its blocks by their names
  const all = halves(stored.weights), model = {kind: stored.kind, beta: stored.beta};
  let start = 0;
  for (const [name, size] of stored.blocks) {
    model[name] = all.subarray(start, start + size);
    start += size;
  }
  // of the test images, (n, J): the means of q(z|x), and its deviations
  model.means = halves(stored.mu);
  model.deviations = stored.logvar ? halves(stored.logvar).map(v => Math.exp(0.5 * v))
                                   : new Float64Array(model.means.length);
  return model;
}

function image(stored, i) {                            // test image i: D pixels, 0 white, 1 black
  const D = stored.side ** 2;
  return Float64Array.from(stored.pixels.subarray(i * D, (i + 1) * D), v => v / 255);
}

function oneHot(label, n) { return Float64Array.from({length: n}, (_, k) => +(k === label)); }
