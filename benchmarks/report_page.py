"""How soon a report's page opens and how smoothly it scrolls, in a headless Chromium.

    python benchmarks/report_page.py REPORT.html [--runs 7] [--json]

Prints the page's size, the median of the times until it was loaded, and the median and the worst tenth of the times of its
frames while it is scrolled from its top, over all runs. The browser is the one that the tests find.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.report.browser import browser

SCROLL = """async () => {
  const frames = [];
  let last = performance.now();
  scrollTo(0, 0);
  for (let n = 0; n < 120; n++) {
    scrollBy(0, 400);
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    opened: list[float] = []
    frames: list[float] = []
    with browser() as chromium:
        version = chromium.version
        for _ in range(options.runs):
            page = chromium.new_page()
            page.goto(options.report.resolve().as_uri())
            opened.append(page.evaluate(LOADED))
            frames += page.evaluate(SCROLL)
            page.close()
    told = {
        "report": str(options.report),
        "bytes": options.report.stat().st_size,
        "runs": options.runs,
        "opened_ms_median": round(statistics.median(opened), 1),
        "frame_ms_median": round(statistics.median(frames), 1),
        "frame_ms_worst_tenth": round(sorted(frames)[len(frames) * 9 // 10], 1),
        "chromium": version,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    if options.json:
        print(json.dumps(told, indent=2))
        return
    for name, value in told.items():
        print(f"{name:<22} {value}")


if __name__ == "__main__":
    main()
