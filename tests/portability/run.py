"""Run the learning tests over random seeds, instruction sets of this processor and numbers of threads.

`python tests/portability/run.py` prints how many failed and the least margin under each setting; `--write` also writes
the distributions into `thresholds.csv`. What a stopped run has measured is used again with `--resume`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import joblib
from figures import (
    DEVIATIONS,
    RECORDED,
    RESERVE,
    Figure,
    read_figures,
    read_thresholds,
    summarize,
    write_thresholds,
)

ROOT = Path(__file__).resolve().parents[2]
CAPABILITIES = ("default", "avx2", "avx512")
NO_TESTS = 5  # the exit code of pytest where nothing was left to run


def environment(capability: str) -> dict[str, str]:
    """In which threads that wait leave their core to others, so that a busy machine does not slow the tests down."""
    return {**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_WAIT_POLICY": "PASSIVE"}


def has(capability: str) -> bool:
    """Whether PyTorch uses this instruction set on this processor when asked to."""
    program = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment(capability), capture_output=True, text=True
    )
    return answer.stdout.strip().lower() == capability


def run_tests(arguments: argparse.Namespace, capability: str, threads: int) -> bool:
    """Run the tests under one setting; whether all passed."""
    command = [sys.executable, "-m", "pytest", *arguments.tests, "-m", arguments.select]
    command += ["--learning-seeds", str(arguments.seeds), "--torch-threads", str(threads)]
    command += ["--record-learning", str(arguments.figures.resolve())]
    command += ["--numprocesses", str(max(1, arguments.processes // threads))]
    command += ["--dist", "loadgroup", "--no-loadscope-reorder"]
    return subprocess.run(command, cwd=ROOT, env=environment(capability), check=False).returncode in (0, NO_TESTS)


def line(capability: str, threads: int, figures: list[Figure], passed: bool) -> str:
    """One row of the table: how many figures failed, and the one with the least margin."""
    here = [one for one in figures if (one.capability, one.threads) == (capability, threads)]
    failed = sum(not one.passed for one in here)
    runs = len({(one.test, one.seed) for one in here})
    least = min(summarize(here), key=lambda row: row.reserve, default=None)
    margin = f"{least.reserve:5.2f}  {least.metric} of {least.test}" if least else ""
    return (
        f"{capability:<10} {threads:>7} {runs:>6} {len(here):>8} {failed:>6}  {'yes' if passed else 'NO':<6} {margin}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", default=["tests"], help="files or tests, as for pytest")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--capabilities", nargs="+", default=CAPABILITIES, choices=CAPABILITIES)
    parser.add_argument("--processes", type=int, default=min(8, joblib.cpu_count()), help="of one thread each")
    parser.add_argument("--select", default="learning and not slow", help="marker expression")
    parser.add_argument(
        "--figures", type=Path, default=ROOT / "runs" / "portable.csv", help="where figures are recorded"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the figures of a stopped run")
    parser.add_argument("--write", action="store_true", help="write the distributions into thresholds.csv")
    arguments = parser.parse_args()
    arguments.figures.parent.mkdir(parents=True, exist_ok=True)
    if not arguments.resume:
        arguments.figures.unlink(missing_ok=True)
    present = [capability for capability in arguments.capabilities if has(capability)]
    passed = {}
    for threads in arguments.threads:
        for capability in present:
            passed[capability, threads] = run_tests(arguments, capability, threads)
    figures = read_figures(arguments.figures) if arguments.figures.exists() else []
    print(f"{'processor':<10} {'threads':>7} {'tests':>6} {'figures':>8} {'failed':>6}  {'passed':<6} least margin")
    for (capability, threads), well in passed.items():
        print(line(capability, threads, figures, well))
    for capability in arguments.capabilities:
        if capability not in present:
            print(f"{capability:<10} not on this processor")
    thresholds = summarize(figures)
    faults = [(row, fault) for row in thresholds for fault in row.faults()]
    for row, fault in faults:
        print(f"{row.test}: {row.metric} {row.bound} {row.threshold:g}: {fault}")
    print(f"{len(thresholds)} thresholds, {len(thresholds) - len({row.key for row, _ in faults})} with margin", end=" ")
    print(f"(the worst figure keeps {RESERVE:.2f} of the distance to the median, {DEVIATIONS:.0f} robust deviations)")
    if arguments.write:
        before = read_thresholds().values() if RECORDED.exists() else ()
        kept = [row for row in before if row.test not in {new.test for new in thresholds}]
        write_thresholds([*kept, *thresholds])
    return 0 if all(passed.values()) and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
