"""The benchmarks measure what they say. (Timings are asserted nowhere: machines differ.)"""

import ast
import graphlib
import importlib
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


def test_imports_point_one_way():
    """None of the scripts needs, by way of others, itself."""
    names, graph = {path.stem for path in FOLDER.glob("*.py")}, {}
    for name in names:
        found = set()
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                found.add(node.module)
            elif isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
        graph[name] = found & names
    assert graph["training_step"] >= {"competitors", "steps", "turns"} and not graph["turns"]
    list(graphlib.TopologicalSorter(graph).static_order())       # raises CycleError


def test_the_training_step_counts_the_products():
    """Three for each layer, less the gradient of the data; and its step takes npvae's gradient."""
    competitors, steps, turns = map(importlib.import_module, ("competitors", "steps", "turns"))
    for group, name, problem in steps.problems():
        sizes = steps.shapes(problem)
        blocks = problem.model.blocks().values()
        assert sorted(n_in * n_out for _, n_in, n_out in sizes) == sorted(
            W.size for W in blocks if W.ndim > 1), name
    dense = next(problem for group, _, problem in steps.problems() if group == "dense")
    assert steps.shapes(dense) == [(32, 784, 400), (32, 400, 40), (32, 20, 400), (32, 400, 784)]
    built = competitors.build(dense, ["npvae", "products", "control"])
    competitors.agree(built, dense)
    times = turns.take_turns(built, rounds=2, seconds=0.001)
    rows = competitors.summary(times)
    assert [row["name"] for row in rows] == ["npvae", "products", "control"]
    assert rows[0]["ratio"] == 1.0 and all((t > 0).all() for t in times.values())


def test_competitors_that_disagree_are_not_timed():
    competitors, steps = map(importlib.import_module, ("competitors", "steps"))
    problem = next(problem for group, _, problem in steps.problems() if group == "small")
    ours = steps.npvae_step(problem)

    def twice(eps):
        loss, gradients = ours.check(eps)
        return loss, {**gradients, "decoder.0.b": 2 * gradients["decoder.0.b"]}

    competitors.agree([ours, ours], problem)
    with pytest.raises(AssertionError, match="decoder.0.b"):
        competitors.agree([ours, ours._replace(check=twice)], problem)


def test_the_setting_names_the_processor_and_the_kernels():
    turns = importlib.import_module("turns")
    line = turns.setting()
    assert f"numpy {np.__version__}" in line and turns.processor() in line and turns.blas() in line
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert turns.blas().startswith(f"{found['name']} {found['version']}")
    if found["name"] == "scipy-openblas":
        kernels = turns.blas().removesuffix(" kernels").split(" with ")[1]
        assert kernels.isalnum() and kernels != "Unknown"


def test_a_step_of_every_member_learns():
    """Each moves its own blocks; and a ratio is to the plain VAE's step of the same round."""
    members = importlib.import_module("step_of_members")
    rng = np.random.default_rng(0)
    x, c = rng.random((4, 784), np.float32), np.eye(10, dtype=np.float32)[:4]
    for name, model in members.members().items():
        before = model.copy()
        members.step(name, model, x, c).run(2)
        for block, values in model.blocks().items():
            assert (values != before.blocks()[block]).any(), (name, block)
    first, other = np.array([[2.0, 1.0], [4.0, 2.0]]), np.array([[4.0, 3.0], [8.0, 6.0]])
    found = members.summary({"plain": first, "other": other})
    assert found["plain"][1] == 1.0 and found["other"][1] in (2.0, 3.0)
