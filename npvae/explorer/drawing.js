"use strict";
// Strokes of a pen as an image like MNIST's: the digit fitted into a box of 20 x 20 pixels of 28,
// and its centre of mass in the middle. A stroke is a list of points {x, y}, in pixels from the top
// left; the ink goes from black to white over one pixel at the pen's edge.

const PEN = 1.25;                                      // its radius, in pixels

function segments(strokes) {
  return strokes.flatMap(points => points.length === 1 ? [[points[0], points[0]]]
    : points.slice(1).map((end, i) => [points[i], end]));
}

function ink(strokes, side) {                          // (side * side), 0 white, 1 black
  const x = new Float64Array(side * side), reach = PEN + 1;
  for (const [a, b] of segments(strokes)) {
    const dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
    const from = v => Math.max(0, Math.floor(v - reach));
    const to = v => Math.min(side, Math.ceil(v + reach));
    for (let row = from(Math.min(a.y, b.y)); row < to(Math.max(a.y, b.y)); row++)
      for (let column = from(Math.min(a.x, b.x)); column < to(Math.max(a.x, b.x)); column++) {
        const px = column + 0.5 - a.x, py = row + 0.5 - a.y;        // from a to the pixel's middle
        const t = square && Math.min(1, Math.max(0, (px * dx + py * dy) / square));
        const distance = Math.hypot(px - t * dx, py - t * dy);
        const value = Math.min(1, Math.max(0, PEN + 0.5 - distance));
        if (value > x[row * side + column]) x[row * side + column] = value;
      }
  }
  return x;
}

function centred(strokes, side) {
  const points = strokes.flat(), xs = points.map(p => p.x), ys = points.map(p => p.y);
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  // a dot stays a dot; and half the pen's width lies outside the path of its middle
  const scale = (20 / 28 * side - 2 * PEN) / Math.max(extent, 0.4 * side);
  let weight = 0, x = 0, y = 0;
  for (const [a, b] of segments(strokes)) {
    const length = Math.hypot(b.x - a.x, b.y - a.y) + 1e-9;
    weight += length;
    x += length * (a.x + b.x) / 2;
    y += length * (a.y + b.y) / 2;
  }
  const moved = (v, middle) => (v - middle) * scale + side / 2;
  return strokes.map(points =>
    points.map(p => ({x: moved(p.x, x / weight), y: moved(p.y, y / weight)})));
}
