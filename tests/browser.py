"""A real browser, driven through a pipe by the DevTools protocol: the standard library, and no more.

    with Browser(width=1280, height=900) as page:
        page.open(path)
        page.drag((100, 100), (200, 150))
        page.run("document.title")

A message is JSON with a zero byte at its end; the browser reads them from its file 3, and writes
to its file 4.
"""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--force-prefers-reduced-motion", "--remote-debugging-pipe"]
LAUNCHER = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); " \
           "os.execv(sys.argv[3], sys.argv[3:])"
KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, " ": 32}


class Browser:
    """One page of a browser that has no network, and what its console said."""

    def __init__(self, width=1280, height=900, language="en", touch=False):
        self.width, self.height, self.language, self.touch = width, height, language, touch
        self.said, self.ids, self.unread = [], itertools.count(1), b""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="browser")
        # numbers from 10 on: so none of them is 3 or 4 before it is moved there
        theirs_in, ours_out = self._pipe()
        ours_in, theirs_out = self._pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(theirs_in), str(theirs_out), CHROMIUM, *OPTIONS,
             f"--user-data-dir={self.folder}", "about:blank"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.reads, self.writes = ours_in, ours_out
        self.session = None
        target = next(t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(domain + ".enable")
        self("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0,
             uploadThroughput=0)
        self("Emulation.setDeviceMetricsOverride", width=self.width, height=self.height,
             deviceScaleFactor=1, mobile=self.touch)
        self("Emulation.setTouchEmulationEnabled", enabled=self.touch)
        agent = self.run("navigator.userAgent")
        self("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=self.language)
        return self

    @staticmethod
    def _pipe():
        ends = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in ends]
        for end in ends:
            os.close(end)
        return high

    def __exit__(self, *error):
        self.session = None
        try:
            self("Browser.close")
            self.process.wait(10)
        except (EOFError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.reads)
        os.close(self.writes)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __call__(self, method, **params):
        """Send a command, and return its result."""
        message = {"id": next(self.ids), "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._heard(answer)

    def _read(self):
        while b"\0" not in self.unread:
            more = os.read(self.reads, 1 << 16)
            if not more:
                raise EOFError("the browser has gone")
            self.unread += more
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def _heard(self, event):
        """Keep what the console says: errors, warnings, and exceptions that nobody caught."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.said.append(f"{params['type']}: {params['args']}")
        elif event.get("method") == "Log.entryAdded":
            self.said.append(f"{params['entry']['level']}: {params['entry']['text']}")

    # ---- what a reader does ----------------------------------------------------------------

    def open(self, path):
        self("Page.navigate", url=Path(path).resolve().as_uri())
        self.wait("document.readyState === 'complete' && typeof timing === 'object' && timing.count > 0")

    def run(self, code):
        """The value of an expression in the page."""
        answer = self("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def settle(self):
        """Until there is no frame left to be drawn."""
        self.wait("!timing.waiting")

    def place(self, selector, u=0.5, v=0.5):
        """A point of an element, from 0 to 1 across and down, in the window; it is brought into view."""
        return self.run(f"""(() => {{
            const e = document.querySelector({selector!r});
            e.scrollIntoView({{block: "center"}});
            const box = e.getBoundingClientRect();
            return [box.left + {u} * box.width, box.top + {v} * box.height];
        }})()""")

    def click(self, selector):
        """By mouse; where there are only fingers, the browser's own click, without a tap's timing."""
        x, y = self.place(selector)
        if self.touch:
            self.run(f"document.querySelector({selector!r}).click()")
        else:
            self._mouse("mousePressed", x, y)
            self._mouse("mouseReleased", x, y)
        self.settle()

    def drag(self, selector, *points):
        """Press on an element at the first point, (u, v) from 0 to 1, move on over the others."""
        places = [self.place(selector, u, v) for u, v in points]
        if self.touch:
            for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * len(places), places):
                self("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
            self("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            self._mouse("mousePressed", *places[0])
            for x, y in places[1:]:
                self._mouse("mouseMoved", x, y)
            self._mouse("mouseReleased", *places[-1])
        self.settle()

    def _mouse(self, kind, x, y):
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key, shift=False):
        known = dict(key=key, code=key, windowsVirtualKeyCode=KEYS[key], modifiers=8 * shift)
        if key == " ":
            known["text"] = key
        self("Input.dispatchKeyEvent", type="keyDown", **known)
        self("Input.dispatchKeyEvent", type="keyUp", **known)
        self.settle()

    def screenshot(self, path, whole=False):
        options = {}
        if whole:
            size = self("Page.getLayoutMetrics")["cssContentSize"]
            options = {"captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}
        picture = self("Page.captureScreenshot", format="png", **options)["data"]
        Path(path).write_bytes(base64.b64decode(picture))
