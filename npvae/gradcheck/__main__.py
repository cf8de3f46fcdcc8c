"""`python -m npvae.gradcheck`: the gradient of everything in the package, checked."""

import argparse
import os
import sys
import time

import numpy as np

from npvae.gradcheck.differences import exponent
from npvae.gradcheck.rows import Sizes
from npvae.gradcheck.table import TABLE


def main(arguments=None):
    argparse.ArgumentParser(prog="python -m npvae.gradcheck", description=__doc__).parse_args(arguments)
    start = time.perf_counter()
    print("Gradients by hand against numerical ones, in float64; the largest relative error of "
          "any block.\n")
    print(f"{'':40}  blocks  entries   central   complex")
    failed = 0
    for name, row in TABLE.items():
        report = row(Sizes(), np.random.default_rng(0))
        failed += not report.passed
        print(f"{name:40}  {len(report.rows):6}  {sum(r.size for r in report.rows):7}  "
              f"{exponent(report.central)}  {exponent(report.complex_step)}  "
              f"{'ok' if report.passed else 'WRONG'}", flush=True)
    print(f"\n{len(TABLE) - failed} of {len(TABLE)} agree, in {time.perf_counter() - start:.1f} s: "
          "central differences within 1e-7, complex step within 1e-11, and their own rounding.")
    return int(failed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:                      # whoever read this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
