import sys

from trial.outcomes import run, table, unknown

print("\n".join(unknown()), file=sys.stderr)
trials = run()
print("\n".join(str(trial) for trial in trials if trial.verdict in ("obscure", "silent")))
print(table(trials))
