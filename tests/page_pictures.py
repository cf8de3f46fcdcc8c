"""Pictures of the page, done by mouse and finger in a real browser, for the galleries.

    python tests/page_pictures.py [folder]            default: examples/figures

Look at each before it is committed.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from browser import Browser

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "examples/explorer.html"


def seven(page):
    t = np.linspace(0, 1, 15)
    page.drag("#pad", *zip(0.3 + 0.4 * t, 0.27 - 0.04 * t), *zip(0.7 - 0.3 * t, 0.23 + 0.55 * t))
    page.drag("#pad", *zip(0.4 + 0.3 * t, 0.5 + 0 * t))


def rain(page, n=150):
    page.click("#rain")
    page.wait(f"state.noise.length >= {n}")
    page.click("#rain")
    page.wait("state.draws.length === state.noise.length")
    page.settle()


def moved(page):
    """q moved off by hand: the path and the KL no longer cancel."""
    page.click("#thumbnails button:nth-child(4)")
    rain(page)
    page.run("state.move = 'mu'; setQ({mu: state.q.mu.map((v, j) => v + [0.35, 0.25][j]), "
             "logvar: state.q.logvar}); 1")


def drawn(page):
    """A seven with a bar, as a European writes it; the density behind, a baseline for the score."""
    seven(page)
    rain(page)
    page.click("input[value=codes]")
    page.click("#baseline")


def hole(page):
    page.click("#try li:nth-child(5) button")
    page.click("#thumbnails button:nth-child(1)")
    page.drag("#plane", (0.5, 0.5), (0.62, 0.72))


def labels(page):
    page.click("#try li:nth-child(6) button")
    page.click("#thumbnails button:nth-child(6)")


def collapsed(page):
    page.click("#try li:nth-child(7) button")


def scattered(page):
    page.run("setModel('vae', 0); state.view = 'density'; changed(); 1")


SHOTS = {"explorer": ("en", moved), "explorer_drawn": ("ko", drawn),
         "explorer_autoencoder": ("en", hole), "explorer_labels": ("ko", labels),
         "explorer_scattered": ("en", scattered), "explorer_collapsed": ("en", collapsed)}


def save(page, path, height=None):
    page.settle()
    page.screenshot(path, whole=True)
    picture = Image.open(path).convert("RGB")
    if height:
        picture = picture.crop((0, 0, picture.width, min(height, picture.height)))
    picture.quantize(256).save(path, optimize=True)


def main(folder=ROOT / "examples/figures"):
    for name, (language, do) in SHOTS.items():
        with Browser(width=1280, height=1000, language=language) as page:
            page.open(PAGE)
            do(page)
            bottom = page.run("document.querySelector('main').getBoundingClientRect().bottom + scrollY")
            save(page, Path(folder) / f"{name}.png", int(bottom) + 8)
    with Browser(width=375, height=667, language="ko", touch=True) as page:
        page.open(PAGE)
        seven(page)
        rain(page)
        save(page, Path(folder) / "explorer_phone.png", 1500)


if __name__ == "__main__":
    main(*sys.argv[1:])
