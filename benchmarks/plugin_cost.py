"""What the plugin costs a run of pytest that names no target: `python benchmarks/plugin_cost.py [rounds]`.

Runs `pytest` in an empty folder with and without the plugin, in turn, and compares medians; the aim is less than 10 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

AIM = 10.0  # ms
WITHOUT = ("-p", "no:openai-conformance")


def run(folder: str, *args: str) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", *args], cwd=folder, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    assert done.returncode == 5, done.stdout  # nothing collected
    return seconds * 1000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):  # compiled files
            run(folder), run(folder, *WITHOUT)
        pairs = [(run(folder), run(folder, *WITHOUT)) for _ in range(rounds)]
    with_plugin = statistics.median(first for first, _ in pairs)
    without = statistics.median(second for _, second in pairs)
    cost = statistics.median(first - second for first, second in pairs)
    print(f"pytest in an empty folder: {with_plugin:.0f} ms with the plugin, {without:.0f} ms without")
    print(f"cost: {cost:.1f} ms (aim: < {AIM:g} ms), ratio {with_plugin / without:.3f}, {rounds} rounds")


if __name__ == "__main__":
    main()
