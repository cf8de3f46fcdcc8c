"""What the results of the papers' scripts have in common: where they are kept, and what made them."""

import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))
from turns import setting  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def commit():
    """Of the code that this is, for the record; None where there is none."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                           cwd=Path(__file__).parent)
    return asked.stdout.strip() or None


def made_by():
    """The commit and the machine, as the last entries of a result."""
    return {"commit": commit(), "machine": setting()}
