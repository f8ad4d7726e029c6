"""Derives latency_quantiles.py from the NetLatency data (Zhu et al., ToN 2017; MIT, see LICENSE-netlatency).

`python sim/data/derive_latency.py FOLDER > sim/data/latency_quantiles.py`, where FOLDER holds PlanetLabData_1 (ms) and
SeattleData_{1,100,300,688} (seconds), as published by uofa-rzhu3/NetLatency-Data.
"""

import sys
from pathlib import Path

import numpy as np

STEPS = 100
SOURCES = {
    "BETWEEN_SITES_US": (("PlanetLabData_1",), 1_000.0),
    "BETWEEN_DEVICES_US": (("SeattleData_1", "SeattleData_100", "SeattleData_300", "SeattleData_688"), 1_000_000.0),
}


def quantiles(folder: Path, names: tuple[str, ...], unit_us: float) -> list[int]:
    """Round-trip times between two different nodes; what could not be measured is 0 or absent, and left out."""
    found = []
    for name in names:
        rows = [line.split() for line in (folder / name).read_text().splitlines() if line.strip()]
        matrix = np.array(rows, dtype=np.float64)
        between = matrix[~np.eye(len(matrix), dtype=bool)]
        found.append(between[between > 0])
    return [int(value) for value in np.rint(np.quantile(np.concatenate(found), np.linspace(0, 1, STEPS + 1)) * unit_us)]


def rendered(folder: Path) -> str:
    lines = [
        '"""Quantiles 0, 1, … 100 percent of round-trip times, microseconds. Written by derive_latency.py.',
        "",
        "Source: NetLatency-Data (Zhu et al.: Network Latency Estimation for Personal Devices, IEEE/ACM ToN",
        "2017), MIT, see LICENSE-netlatency. Sites: PlanetLab, 490 nodes. Devices: Seattle, 99 nodes, four moments.",
        '"""',
        "",
    ]
    for name, (sources, unit_us) in SOURCES.items():
        lines.append(f"{name} = (")
        lines += [f"    {value:_}," for value in quantiles(folder, sources, unit_us)]
        lines.append(")")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered(Path(sys.argv[1])))
