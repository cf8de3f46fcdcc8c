"""The bug zoo: mistakes of the kind that public VAE code ships, each as a mutant of npvae.

A bug is a line of the package and what somebody wrote in its place. For each there is a check
that passes on npvae and fails on the mutant, and mostly one that is blind to it. The gradient
check is blind to more than half of them: it compares the backward pass with the forward pass,
and a wrong forward pass that is differentiated correctly pleases it.

`python tests/bug_zoo.py` writes the page BUG_ZOO.md.
"""

from pathlib import Path

import zoo_of_data
import zoo_of_members
import zoo_of_the_vae
from zoo_checks import Bug, GradientCheck, mutated
from zoo_sources import SOURCES, source

__all__ = ["Bug", "mutated", "ZOO"]

ZOO = [*zoo_of_the_vae.BUGS, *zoo_of_data.BUGS, *zoo_of_members.BUGS]

# ---- the page ------------------------------------------------------------------------------

HEAD = """# The bug zoo

Mistakes of the kind that public code ships, each as a mutant of npvae, with the check that
sees it. `{command}` puts each mutant into the package, and asserts that the
check named passes on npvae and fails on the mutant, and, where another one is named, that this one
does not notice.

{seen} of the {n} have a public place beside them, where this kind of mistake was reported or can be
read: several in other programs than a VAE, some made knowingly.

{blind} of these {n} mutants pass a gradient check: it compares the backward pass with the forward
pass, and most of these are wrong in both. So a gradient check is not enough; every formula also
needs a check of what it means.
"""


def page():
    """The page, as Markdown."""
    blind = sum(isinstance(bug.missed_by, GradientCheck) for bug in ZOO)
    lines = [HEAD.format(command="pytest tests/test_bug_zoo.py", blind=blind, n=len(ZOO),
                         seen=len(SOURCES))]
    for number, bug in enumerate(ZOO, start=1):
        lines += [f"## {number}. {bug.name}", "", "```diff"]
        for function, *replacements in bug.edits:
            lines.append(f"# {function.__module__}.{function.__qualname__}")
            for before, after in replacements:
                lines += [f"- {line.strip()}" for line in before.splitlines()]
                lines += [f"+ {line.strip()}" for line in after.splitlines()]
        lines += ["```", "", bug.looks_right, "", f"Seen by {bug.seen_by}."]
        if bug.missed_by:
            lines[-1] += f" Not seen by {bug.missed_by}."
        if source(bug.name):
            lines += ["", f"In public: {source(bug.name)}."]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("BUG_ZOO.md").write_text(page(), encoding="utf-8")
