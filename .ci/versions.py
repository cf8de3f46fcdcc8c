#!/usr/bin/env python3
"""The tests on the oldest and on the newest packages, for every Python that is found.

    python3 .ci/versions.py                          all there are: ten minutes or so for each Python
    python3 .ci/versions.py 3.10 3.13                these Pythons
    python3 .ci/versions.py 3.10 -- -k gradients     with arguments for pytest

Pythons are looked for on the PATH, among pyenv's, and by uv; none is installed. What is
"oldest" is read off setup.cfg: numpy>=1.26 is tried as numpy 1.26.0, then, where a Python has no
wheels of all of these, as the last of 1.26. Each pair of a Python and a set of packages has a
virtual environment of its own, in a temporary folder, and only wheels are installed: where the
oldest packages have none for a newer Python, the row says so, and does not count. The exit
status is 1 if the tests fail anywhere, or ran nowhere.
"""

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("numpy", "scipy", "matplotlib", "pytest", "hypothesis")
LAYOUT = "{:<8} {:<7} {:<8} {:<8} {:<11} {:<8} {:<11} {}"


def requirements():
    """The first minor version of Python 3 that setup.cfg allows, and its lines "name>=version"."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"] + config["options.extras_require"]["test"]
    return int(config["options"]["python_requires"].removeprefix(">=3.")), lines.split()


def find(version):
    """The first Python of a version, such as "3.10", that starts; None where there is none."""
    name = f"python{version}"
    places = [shutil.which(name)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places += sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True)
    if shutil.which("uv"):
        found = run(["uv", "python", "find", "--no-python-downloads", version])
        places.append(found.stdout.strip())
    for place in filter(None, places):
        if run([place, "-c", "import ensurepip, venv"]).returncode == 0:
            return place                       # a pyenv shim may stand for nothing
    return None


def run(command, **options):
    # A PYTHONPATH would bring in packages from elsewhere.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=environment, **options)


def copy_of_the_clone(folder):
    """The files that git knows, elsewhere: nothing that lies about here takes part."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, names.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)


def trial(python, choices, clone, venv, arguments):
    """Install and test: the versions that were installed, True, False or None, and a line.

    Of the choices, lists of pins for pip, the first is taken for which there are wheels.
    """
    run([python, "-m", "venv", venv], check=True)
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    for pins in choices:
        installed = run([*pip, "install", "--only-binary", ":all:", "-e", ".[test]", *pins], cwd=clone)
        missing = re.search(r"No matching distribution found for (\S+)", installed.stdout)
        if installed.returncode == 0 or not missing:
            break
    if installed.returncode:
        if pins and missing:
            return {}, None, f"no wheel of {missing[1]} for this Python"
        print(installed.stdout, file=sys.stderr)
        return {}, False, "pip failed"
    frozen = run([*pip, "freeze"]).stdout
    versions = dict(line.split("==") for line in frozen.splitlines() if "==" in line)
    tests = run([python, "-m", "pytest", "-q", *arguments], cwd=clone)
    if tests.returncode:
        print(tests.stdout, file=sys.stderr)
    return versions, tests.returncode == 0, tests.stdout.splitlines()[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", nargs="*", metavar="3.N", help="all that are found, if left out")
    parser.add_argument("--packages", choices=("oldest", "newest"), help="only these")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options, arguments = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1:]
    first, needed = requirements()
    versions = options.versions or [f"3.{minor}" for minor in range(first, first + 20)]
    pythons = {version: find(version) for version in versions}
    if options.versions and None in pythons.values():
        sys.exit(f"not found: {', '.join(v for v in versions if pythons[v] is None)}")
    exact = [line.replace(">=", "==") for line in needed]
    sets = {"oldest": [exact, [f"{line}.*" for line in exact]], "newest": [[]]}
    results = []
    with tempfile.TemporaryDirectory() as work:
        clone = Path(work) / "npvae"
        copy_of_the_clone(clone)
        print(LAYOUT.format("python", "", *SHOWN, "pytest says"), flush=True)
        for version, python in pythons.items():
            for name, choices in sets.items():
                if python is None or options.packages not in (name, None):
                    continue
                venv = Path(work) / f"{version}-{name}"
                found, passed, line = trial(python, choices, clone, venv, arguments)
                print(LAYOUT.format(version, name, *(found.get(n, "-") for n in SHOWN), line),
                      flush=True)
                results.append(passed)
                shutil.rmtree(venv)
    good, bad = results.count(True), results.count(False)
    print(f"{good} passed, {bad} failed, {results.count(None)} skipped")
    sys.exit(bad > 0 or good == 0)


if __name__ == "__main__":
    main()
