"use strict";
// Noise, what many draws say, and the density of all codes together.

// Uniform in (0, 1), from a seed: the same page draws the same noise (the generator "mulberry32").
function generator(seed) {
  return () => {
    seed = seed + 0x6D2B79F5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32 + 2 ** -33;
  };
}

function drawNoise(random, J) {                        // eps ~ N(0, I), of Box and Muller
  return Float64Array.from({length: J}, () =>
    Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()));
}

function mean(values) { return sum(values) / values.length; }

function spread(values) {                              // the standard deviation of one draw
  const m = mean(values);
  return Math.sqrt(sum(values.map(v => (v - m) ** 2)) / (values.length - 1));
}

// For each draw, the mean of f over all the others: a baseline that does not depend on the draw.
function baselines(fs) {
  const total = sum(fs);
  return fs.map(f => fs.length > 1 ? (total - f) / (fs.length - 1) : 0);
}

function normalCdf(x) {                                // Abramowitz and Stegun, 26.2.17: to 7.5e-8
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937
    + t * (-1.821255978 + t * 1.330274429))));
  const tail = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI) * polynomial;
  return x > 0 ? 1 - tail : tail;
}

// How much of N(mean, deviation^2) falls into each of n cells from low to high; the first cell.
function cells(mean, deviation, low, high, n) {
  const width = (high - low) / n, reach = 6 * deviation;
  const first = Math.max(0, Math.floor((mean - reach - low) / width));
  const last = Math.min(n - 1, Math.floor((mean + reach - low) / width));
  const below = edge => deviation > 0 ? normalCdf((edge - mean) / deviation) : +(edge > mean);
  const share = [];
  for (let i = first; i <= last; i++)
    share.push(below(low + (i + 1) * width) - below(low + i * width));
  return {first, share};
}

// The aggregate posterior, the mean of N(means, deviations^2), over n x n cells of a window
// {x, y, size}; rows from below. Returns the share of each cell.
function aggregate(means, deviations, {x, y, size}, n) {
  const shares = new Float64Array(n * n), count = means.length / 2;
  for (let i = 0; i < count; i++) {
    const across = cells(means[2 * i], deviations[2 * i], x, x + size, n);
    const up = cells(means[2 * i + 1], deviations[2 * i + 1], y, y + size, n);
    up.share.forEach((v, r) => across.share.forEach((u, k) => {
      shares[(up.first + r) * n + across.first + k] += u * v / count;
    }));
  }
  return shares;
}
