"""The page's JavaScript in an engine, without a browser: what `test_explorer.py` asks of it."""

import json
import re

import numpy as np

ENGINE = """
const document = {addEventListener() {}}, navigator = {language: "en"}, window = {};
function atob(text) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let bits = 0, held = 0, out = "";
  for (const letter of text.replace(/=+$/, "")) {
    held = (held << 6 | digits.indexOf(letter)) & 0xffffff;
    bits += 6;
    if (bits >= 8) out += String.fromCharCode(held >> (bits -= 8) & 255);
  }
  return out;
}
function plain(value) {
  return JSON.stringify(value, (_, v) => ArrayBuffer.isView(v) ? [...v] : v);
}
"""


def scripts(html):
    """The scripts of a page, in their order, and what it stores, as text."""
    return re.findall(r"<script>\n(.*?)\n</script>", html, re.DOTALL), stored(html)


def stored(html):
    found, = re.findall(r'<script type="application/json" id="stored">\n(.*?)\n</script>', html,
                        re.DOTALL)
    return found


class Engine:
    """A page's functions, called from Python; `edits` are made in its source before."""

    def __init__(self, html, edits=()):
        from py_mini_racer import MiniRacer
        self.context = MiniRacer()
        code, data = scripts(html)
        code = "\n".join(code).replace('"use strict";', "")
        for old, new in edits:
            assert code.count(old) == 1, f"{old!r} stands {code.count(old)} times in the page"
            code = code.replace(old, new)
        self.context.eval(f"{ENGINE}{code}\nstored = {data};")
        self.context.eval("const unpacked = stored.models.map(unpack);")

    def __call__(self, code, **values):
        """The value of an expression in which the values, arrays among them, are named."""
        names = ", ".join(values)
        given = [json.dumps(v.tolist() if isinstance(v, np.ndarray) else v) for v in values.values()]
        return json.loads(self.context.eval(f"plain((({names}) => {code})({', '.join(given)}))"))

    def step(self, model, x, label, eps, q=None, baseline=0.0):
        """All that one frame computes: of the model of this number, one image and one draw."""
        kind = self(f"stored.models[{model}].kind")
        code = """(() => {
            const m = unpacked[model], c = conditional ? oneHot(label, 10) : [];
            q = q || encode(m, x, c);
            const f = forward(m, x, c, q, eps), g = backward(m, x, q, eps, f, m.beta);
            return {q, f, g, score: score(eps, f, baseline)};
        })()"""
        return self(code, model=model, x=x, label=int(label), eps=eps, q=q, baseline=baseline,
                    conditional=kind == "conditional_vae")
