"""A second process for the tests: there are two cores.

The first takes the files of tests from the front, the second from the back, until they meet: whoever
makes a file's mark in a folder that both share runs its tests. The second writes its reports as lines
of JSON, and the first logs each where its test's turn comes, so that all is told once, and in order.
Tests that look at an example's quick run stay with the first, which has them made. See `conftest.py`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quick_runs import examples_of

FOLDER = "NPVAE_TESTS_SHARED"       # the variable by which the second process knows the folder
WORTH_IT = 20                       # files of tests: with fewer, one process is as fast


class Process:
    """What both know: the folder, and whose a file of tests is."""

    def __init__(self, config, folder):
        self.config, self.folder, self.mine = config, Path(folder), {}

    def has(self, path):
        """Is this file of tests mine? It is, if I am the first to ask."""
        if path not in self.mine:
            try:
                (self.folder / path.name).touch(exist_ok=False)
                self.mine[path] = True
            except FileExistsError:
                self.mine[path] = False
        return self.mine[path]


class Second(Process):
    """It goes through the files from the back, and writes a line for each report."""

    def __init__(self, config):
        super().__init__(config, os.environ.pop(FOLDER))    # no test starts a second process
        self.reports = (self.folder / "reports.jsonl").open("w")

    def pytest_collection_modifyitems(self, items):
        files = list(dict.fromkeys(item.path for item in items))
        items[:] = [item for item in items if not examples_of(item)]
        items.sort(key=lambda item: -files.index(item.path))

    def pytest_runtest_protocol(self, item):
        return None if self.has(item.path) else True

    def pytest_runtest_logreport(self, report):
        line = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.reports.write(json.dumps(line) + "\n")
        self.reports.flush()


class First(Process):
    """It starts the second, and logs that one's reports among its own."""

    def __init__(self, config):
        super().__init__(config, tempfile.mkdtemp(prefix="npvae_tests"))
        (self.folder / "reports.jsonl").touch()
        self.lines, self.unfinished = (self.folder / "reports.jsonl").open(), ""
        self.reports, asked = {}, config.invocation_params
        self.second = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *asked.args], cwd=asked.dir,
            env={**os.environ, FOLDER: str(self.folder)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pytest_runtest_protocol(self, item, nextitem):
        if examples_of(item) or self.has(item.path):
            return None
        reports = self.reports_of(item.nodeid)
        if not reports:                         # the second ended without them: the first runs the test
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        item.session._setupstate.teardown_exact(nextitem)       # the folder, too
        return True

    def reports_of(self, nodeid):
        """Of a test's setup, call and teardown, when they are there; None if they will never be."""
        while True:
            ended = self.second.poll() is not None
            *lines, self.unfinished = (self.unfinished + self.lines.read()).split("\n")
            for line in lines:
                data = json.loads(line)
                if data["outcome"] == "skipped" and isinstance(data["longrepr"], list):
                    data["longrepr"] = tuple(data["longrepr"])              # as it was before JSON
                report = self.config.hook.pytest_report_from_serializable(config=self.config, data=data)
                self.reports.setdefault(report.nodeid, []).append(report)
            found = self.reports.get(nodeid, [])
            if found and found[-1].when == "teardown":
                return found
            if ended:
                return None
            time.sleep(0.05)

    def pytest_sessionfinish(self):
        self.second.terminate()
        self.second.wait()
        shutil.rmtree(self.folder)


def configure(config):
    """Before the collection: is this process the second?"""
    if FOLDER in os.environ:
        config.pluginmanager.register(Second(config), "the second process")


def begin(config, files):
    """After the collection: a second process, if there are tests enough. Not where one looks at them
    while they run, with a debugger or for coverage."""
    alone = config.option.usepdb or "coverage" in sys.modules or len(files) < WORTH_IT
    if not alone and not config.pluginmanager.has_plugin("the second process"):
        config.pluginmanager.register(First(config))
