"use strict";
// The variational autoencoder on one page, for one image x and one draw of noise eps.
//
//     x --> hidden --> mu, logvar --> z = mu + std * eps --> hidden --> logits --> loss
//
// The loss is the negative evidence lower bound: what the image costs once z is known (cross
// entropy), plus what z costs (KL). The backward pass is the forward pass read from the last line to
// the first. It ends at mu and std, whose gradients are the arrows; from there to the encoder's
// weights it goes on as in examples/vae_on_one_page.py. Shapes: D pixels, H hidden units, J latent
// dimensions. A gradient dv has the shape of v.
//
// A model is {W1, b1, Wmu, bmu, Wlogvar, blogvar, W2, b2, W3, b3}, W of shape (n_in, n_out), row by
// row. An autoencoder has no Wlogvar. c is the condition of a conditional VAE, else []. Where beta
// is not 1, the loss has beta times the KL.

// ---- The loss, forward ----------------------------------------------------------------------

function encode(m, x, c) {
  // q(z|x) = N(mu, std^2)
  const h1 = relu(dense(join(x, c), m.W1, m.b1));                        // (H)
  const mu = dense(h1, m.Wmu, m.bmu);                                    // (J)
  // an autoencoder's q is a point
  const logvar = m.Wlogvar ? dense(h1, m.Wlogvar, m.blogvar) : mu.map(() => -Infinity);
  return {mu, logvar};
}

function decode(m, z, c) {
  // p(x|z) = Bernoulli(sigmoid(logits))
  const h2 = relu(dense(join(z, c), m.W2, m.b2));                        // (H)
  const logits = dense(h2, m.W3, m.b3);                                  // (D)
  return {h2, logits, pixels: logits.map(sigmoid)};
}

function forward(m, x, c, q, eps) {
  const std = q.logvar.map(v => Math.exp(0.5 * v));
  // the reparameterization: a random z as a smooth function of mu and std
  const z = q.mu.map((mu, j) => mu + std[j] * eps[j]);                   // (J)
  const {h2, logits, pixels} = decode(m, z, c);
  // -log p(x|z), pixel by pixel; and KL(q(z|x) || N(0, 1)), dimension by dimension
  const crossEntropy = logits.map((l, i) =>
    Math.max(l, 0) - x[i] * l + Math.log1p(Math.exp(-Math.abs(l))));
  const kls = q.mu.map((mu, j) =>                        // expm1(logvar) = std^2 - 1, to its last digit
    0.5 * (mu ** 2 + Math.expm1(q.logvar[j]) - q.logvar[j]));
  const reconstruction = sum(crossEntropy), kl = sum(kls);
  return {std, z, h2, logits, pixels, crossEntropy, kls, reconstruction, kl};
}

// ---- And back -------------------------------------------------------------------------------

function backward(m, x, q, eps, f, beta) {
  // reconstruction = sum of max(l, 0) - x l + log(1 + exp(-|l|))
  const dlogits = f.pixels.map((p, i) => p - x[i]);                      // (D)
  // logits = h2 W3 + b3,   h2 = max(z W2 + b2, 0)
  const dh2 = denseBackward(dlogits, m.W3, f.h2.length).map((d, k) => f.h2[k] > 0 ? d : 0);
  const dz = denseBackward(dh2, m.W2, f.z.length);                       // (J), and not c's
  // z = mu + std * eps: the path
  const path = {dmu: dz, dstd: dz.map((d, j) => d * eps[j])};
  // kl = (mu^2 + std^2 - 1 - log std^2) / 2: not through z
  const kl = {dmu: q.mu.map(mu => beta * mu), dstd: f.std.map(s => beta * (s - 1 / s))};
  return {dlogits, dh2, dz, path: withLogvar(path, f.std), kl: withLogvar(kl, f.std)};
}

function score(eps, f, baseline) {
  // The other way, which needs no derivative of f: d E[f] = E[(f - baseline) d log q(z)], z held.
  // log q = -(u^2 + log std^2) / 2,   u = (z - mu) / std = eps
  const advantage = f.reconstruction - baseline;
  const dmu = f.std.map((s, j) => advantage * eps[j] / s);
  const dstd = f.std.map((s, j) => advantage * (eps[j] ** 2 - 1) / s);
  return withLogvar({dmu, dstd}, f.std);
}

function withLogvar({dmu, dstd}, std) {
  // std = exp(logvar / 2)
  return {dmu, dstd, dlogvar: dstd.map((d, j) => d * 0.5 * std[j])};
}

// ---- What these are made of -----------------------------------------------------------------

function dense(x, W, b) {                              // y = x W + b
  const y = Float64Array.from(b), n = y.length;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue;                          // white paper, silent units: most of them
    for (let j = 0, k = i * n; j < n; j++, k++) y[j] += x[i] * W[k];
  }
  return y;
}

function denseBackward(dy, W, n) {                     // dx = dy W^T, the first n of them
  const dx = new Float64Array(n);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < dy.length; j++, k++) dx[i] += dy[j] * W[k];
  return dx;
}

function relu(a) { return a.map(v => Math.max(v, 0)); }
function sigmoid(l) {                                  // from the side on which exp is small
  const e = Math.exp(-Math.abs(l));
  return (l >= 0 ? 1 : e) / (1 + e);
}
function sum(a) { return a.reduce((total, v) => total + v, 0); }
function join(a, b) { return Float64Array.of(...a, ...b); }
