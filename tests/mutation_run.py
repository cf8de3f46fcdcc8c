"""A mutation run: small wrong changes, drawn over the whole package, and which test sees each.

    python tests/mutation_run.py map                    # which test runs which function: once
    python tests/mutation_run.py run --n 300 --until 18:00
    python tests/mutation_run.py again              # the survivors, against all that may see them
    python tests/mutation_run.py summary

A mutant is one change of one syntax tree: a comparison, an operator, a constant, a default, a
condition, an argument, a statement. It is drawn by its kind first and its place then, both
uniformly. First come its own tests: those that run the function it stands in, the fastest first,
10 seconds of them. What survives meets all of these in `again`, and then the tests that are not in
the map. A run that takes far longer than it should counts as killed: "timeout".

Everything happens in a copy of the working tree, under a folder of one's own (--folder). Each
result is a line that is appended to mutants.jsonl; so a run can be stopped at any time, and goes
on where it was. The last line of a mutant counts. A line {"id": ..., "equivalent": "why"}, written
by hand, names a mutant that computes the same. The file is one draw, of one seed over the package
as it was: for a draw over a package that has changed since, delete it.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import hypothesis  # noqa: F401  each child finds them loaded: half a mutant's time otherwise
import matplotlib.pyplot  # noqa: F401
import numpy as np
import pytest
import scipy.integrate  # noqa: F401
import scipy.optimize  # noqa: F401
import scipy.stats  # noqa: F401

from mutants import draw

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("mutants.jsonl")
OWN_SECONDS, FEW = 10, 20


def files_of(*names):
    """The files of tests of these names, where * stands for any text."""
    return [f"tests/{path.name}" for name in names
            for path in sorted(Path(__file__).parent.glob(f"test_{name}.py"))]


# These read the text of the source: they would see any change, and not what it means.
READS_TEXT = files_of("bug_zoo", "derivation_pages", "edits", "korean_guide", "mutants", "readme")
# Not traced: they start processes, send signals or train for seconds. They come last, in `again`.
LATE = files_of("anomaly_command", "anomaly_tables", "benchmarks", "estimator_examples", "examples",
                "explorer*", "going_on", "killed", "lesson_*", "mpi", "one_writer", "reading_list",
                "reproducible")


class Tracer:
    """A plugin of pytest: the functions of the package that each test runs, and its seconds."""

    def __init__(self, folder):
        self.package, self.tests = str(folder / "npvae") + os.sep, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        codes, start = set(), time.process_time()

        def note(frame, event, arg):
            codes.add(frame.f_code)

        sys.settrace(note), threading.settrace(note)
        try:
            return (yield)
        finally:
            sys.settrace(None), threading.settrace(None)
            ours = sorted({f"{code.co_filename[len(self.package):]}:{code.co_firstlineno}"
                           for code in codes if code.co_filename.startswith(self.package)})
            test = self.tests.setdefault(item.nodeid, {"passed": True})
            test.update(seconds=round(time.process_time() - start, 3), functions=ours)

    def pytest_runtest_logreport(self, report):
        if report.outcome != "passed":
            self.tests.setdefault(report.nodeid, {})["passed"] = False


class FirstFailure:
    """A plugin of pytest: writes down what failed first."""

    def __init__(self, path):
        self.path = path

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.path.write_text(report.nodeid)

    def pytest_collectreport(self, report):
        if report.failed and not self.path.exists():
            self.path.write_text(f"{report.nodeid} (import)")


def in_a_child(folder, arguments, plugin, seconds=36_000, after=lambda: None):
    """pytest in a forked process, in the copy, with so many seconds of work. The process's id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        os.chdir(folder)
        out = os.open(folder / "pytest.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        os.environ["PYTHONPATH"] = str(folder)
        sys.path[:0] = [str(folder)]
        status = pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--tb=short",
                              "-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments],
                             plugins=[plugin])
        after()
    except BaseException as error:
        print(repr(error), flush=True)
        status = 70
    os._exit(int(status))


def wait(pid, seconds=36_000):
    """The child's exit status; None where it took so many seconds, of the clock, and was ended."""
    end, done = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
    finally:
        if not done:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def copy_of_the_tree(folder):
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def make_map(folder):
    """map.json: for each test of the quick suite its seconds and the functions it runs."""
    copy_of_the_tree(folder)
    tracer = Tracer(folder)
    ignored = [f"--ignore={path}" for path in (*READS_TEXT, *LATE)]
    pid = in_a_child(folder, ignored, tracer, after=lambda: (folder / "map.json").write_text(
        json.dumps(tracer.tests)))
    print("pytest ended with", wait(pid))


def run_tests(folder, tests, seconds):
    """The first test that fails, "timeout", or None: all passed. The seconds are of work."""
    failure = folder / "failure.txt"
    failure.unlink(missing_ok=True)
    status = wait(in_a_child(folder, ["-x", *tests], FirstFailure(failure), seconds), 60 + 20 * seconds)
    if status == 0:
        return None
    if failure.exists():
        return failure.read_text()
    if status == pytest.ExitCode.USAGE_ERROR and "::" in tests[0]:       # a test has another name now
        return run_tests(folder, sorted({name.partition("::")[0] for name in tests}), seconds)
    late = status in (None, -signal.SIGXCPU, -signal.SIGKILL)
    return "timeout" if late else f"pytest's exit status {status}"


def try_mutant(folder, site, tests, seconds):
    """`run_tests` with the mutant in the copy."""
    path = folder / site.path
    original = path.read_text(encoding="utf-8")
    try:
        path.write_text(site.mutate(original), encoding="utf-8")
        for cached in (path.parent / "__pycache__").glob(f"{path.stem}.cpython*.pyc"):
            cached.unlink()
        return run_tests(folder, tests, seconds)
    finally:
        path.write_text(original, encoding="utf-8")


def own_tests(site, known):
    """The tests that run the mutant's function (or, outside of one, its module), fastest first."""
    module = site.path.removeprefix("npvae/")
    wanted = f"{module}:{site.function}" if site.function else f"{module}:"
    found = [name for name, test in known.items()
             if any(function == wanted or not site.function and function.startswith(wanted)
                    for function in test["functions"])]
    return sorted(found, key=lambda name: known[name]["seconds"])


def within(tests, known, seconds):
    """The first of these tests, as many as fit."""
    ends = np.cumsum([known[name]["seconds"] for name in tests])
    return [name for name, end in zip(tests, ends) if end <= seconds]


def results():
    """The last line of each mutant, by its id."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    found = {}
    for line in map(json.loads, lines):
        found.setdefault(line["id"], {}).update(line)
    return found


def append(line):
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")


def sound_tests(folder):
    known = json.loads((folder / "map.json").read_text())
    return {name: test for name, test in known.items() if test["passed"] and "functions" in test}


def run(folder, seed, n, until):
    """Draw on, up to n mutants in all, each against its own tests."""
    copy_of_the_tree(folder)
    known, done = sound_tests(folder), results()
    numbers = {line.get("drawn") for line in done.values()}
    for drawn, site in enumerate(draw(ROOT, seed), start=1):
        if drawn > n or time.strftime("%H:%M") >= until:
            return
        if site.id in done:
            continue
        if drawn in numbers:
            raise SystemExit(f"{RESULTS.name} holds another mutant as number {drawn}: it is of another "
                             "seed, or of another package; delete it, and draw anew")
        tests = within(own_tests(site, known), known, OWN_SECONDS)
        start, killer = time.monotonic(), None
        for some in (tests[:FEW], tests[FEW:]):                # few tests are in few files to import
            if some and killer is None:
                killer = try_mutant(folder, site, some, 30 + 4 * OWN_SECONDS)
        append({"id": site.id, "drawn": drawn, "path": site.path, "line": site.line, "kind": site.kind,
                "before": site.before, "after": site.after, "killed_by": killer, "tests": len(tests),
                "stage": "own", "seconds": round(time.monotonic() - start, 1)})
        print(drawn, site.path, site.line, site.kind, "->", killer, flush=True)


def again(folder, seed, n, until, files):
    """The survivors, against the tests in these files, or else against all that may see them."""
    copy_of_the_tree(folder)
    known, done = sound_tests(folder), results()
    for site in draw(ROOT, seed):
        line = done.get(site.id, {})
        if line.get("drawn", n + 1) > n or line["killed_by"] or "equivalent" in line:
            continue
        if time.strftime("%H:%M") >= until:
            return
        tests = files or [*own_tests(site, known), *LATE]
        killer = try_mutant(folder, site, tests, 900)
        append({"id": site.id, "killed_by": killer, "stage": " ".join(files) or "rest"})
        print(site.id, site.path, site.line, "->", killer, flush=True)


def summary():
    lines = [line for line in results().values() if "kind" in line]
    killed = [line for line in lines if line["killed_by"]]
    alike = [line for line in lines if not line["killed_by"] and "equivalent" in line]
    left = [line for line in lines if not line["killed_by"] and "equivalent" not in line]
    count = max(len(lines) - len(alike), 1)
    print(f"{len(lines)} drawn, {len(killed)} killed, {len(alike)} equivalent, {len(left)} survived: "
          f"{100 * len(killed) / count:.1f} % of those that compute something else are killed")
    for title, found in ("equivalent", alike), ("survived", left):
        for line in found:
            print(f"\n{title}: {line['id']} {line['path']}:{line['line']} ({line['kind']})",
                  line["before"], line["after"], line.get("equivalent", ""), sep="\n    ")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["map", "run", "again", "summary"])
    parser.add_argument("files", nargs="*", help="again: tests to meet (default: all that may see it)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "npvae_mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=300, help="mutants in all")
    parser.add_argument("--until", default="24:00", help="the hour to stop at")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    if asked.task == "map":
        make_map(asked.folder)
    elif asked.task == "run":
        run(asked.folder, asked.seed, asked.n, asked.until)
    elif asked.task == "again":
        again(asked.folder, asked.seed, asked.n, asked.until, asked.files)
    else:
        summary()


if __name__ == "__main__":
    main()
