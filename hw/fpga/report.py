#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Area and speed of the core, from what yosys and nextpnr wrote.

usage: report.py JSON KIND:CONFIG:FILE...

KIND is xcup or ecp5 (FILE: netlist of yosys, not flattened for xcup) or pnr
(FILE: report of nextpnr). Prints tables; JSON gets the same numbers.

Packed LUT6: what a device of 6-input LUTs needs, estimated from the netlist. Such
a LUT can be two functions of at most five inputs together, so two LUTs of up to
three inputs (or of two and three) share one where both hang on nothing else. LUTs
of four inputs and more count as one, and so does every LUT that drives a carry
chain; LUT RAMs and shift registers count as the LUTs they occupy. Vendors' tools
pack better than that: they also share inputs.
"""

import json
import sys
from collections import Counter

LUT_RAM = {"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM32X1D": 2, "RAM64X1D": 2,
           "RAM128X1D": 4, "RAM64X1S": 1, "RAM32X16DR8": 8, "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1}


def count_module(module):
    """Cells of one module by type; carry is the number of LUTs that drive a chain."""
    cells = Counter()
    chain = set()
    for cell in module["cells"].values():
        cells[cell["type"]] += 1
        if cell["type"].startswith("CARRY"):
            chain.update(b for b in cell["connections"].get("S", []) if not isinstance(b, str))
    for cell in module["cells"].values():
        kind = cell["type"]
        if kind.startswith("LUT") and kind[3:].isdigit() and int(kind[3:]) <= 3:
            if cell["connections"]["O"][0] in chain:
                cells["carry"] += 1
    return cells


def totals(design, top):
    """{path prefix: cells below it} for the instances of the two upper levels, and all."""
    own = {name: count_module(m) for name, m in design["modules"].items()}
    below = {}

    def walk(name):
        if name not in below:
            result = Counter()
            for kind, n in own[name].items():
                if kind in own and kind != name and not is_cell(design["modules"][kind]):
                    for k, v in walk(kind).items():
                        result[k] += n * v
                else:
                    result[kind] += n
            below[name] = result
        return below[name]

    return walk(top), below, own


def is_cell(module):
    attributes = module.get("attributes", {})
    return "blackbox" in attributes or "whitebox" in attributes


def base_name(name):
    """bnn_x of $paramod$0123\\bnn_x\\P=1."""
    for part in name.replace("$paramod", "").split("\\"):
        if part.startswith("bnn_"):
            return part
    return name


def summary(cells):
    small = sum(cells[f"LUT{n}"] for n in (1, 2, 3))
    large = sum(cells[f"LUT{n}"] for n in (4, 5, 6))
    rams = sum(n * cells[k] for k, n in LUT_RAM.items())
    packed = large + cells["carry"] + (small - cells["carry"] + 1) // 2 + rams
    return {
        "lut6_packed": packed,
        "lut": {f"LUT{n}": cells[f"LUT{n}"] for n in range(1, 7)},
        "carry_luts": cells["carry"],
        "lut_ram": rams,
        "ff": sum(n for k, n in cells.items() if k in ("FDRE", "FDSE", "FDCE", "FDPE")),
        "ramb36": sum(n for k, n in cells.items() if k.startswith("RAMB36")),
        "ramb18": sum(n for k, n in cells.items() if k.startswith("RAMB18")),
        "dsp": sum(n for k, n in cells.items() if k.startswith("DSP")),
    }


def ecp5_summary(cells):
    return {
        "lut4": cells["LUT4"] + 2 * cells["CCU2C"] + 4 * cells["TRELLIS_DPR16X4"],
        "ccu2c": cells["CCU2C"],
        "lut_ram": cells["TRELLIS_DPR16X4"],
        "ff": cells["TRELLIS_FF"],
        "ebr": cells["DP16KD"] + cells["PDPW16KD"],
        "dsp": cells["MULT18X18D"],
    }


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def top_of(design):
    for name, module in design["modules"].items():
        if int(str(module.get("attributes", {}).get("top", "0")), 2):
            return name
    raise SystemExit("report.py: no top module")


def xcup(path):
    design = load(path)
    all_cells, below, own = totals(design, top_of(design))
    core = next(n for n in below if base_name(n) == "bnn_core")
    # Instances of the core's parts, and of the parts of those.
    modules = {}

    def part(name, times, depth):
        entry = modules.setdefault(f"{depth} {base_name(name)}", [0, Counter()])
        entry[0] += times
        for k, v in below[name].items():
            entry[1][k] += times * v
        if depth < 3:
            for kind, n in own[name].items():
                if kind in below and kind != name:
                    part(kind, times * n, depth + 1)

    for kind, n in own[core].items():
        if kind in below:
            part(kind, n, 1)
    result = summary(all_cells)
    result["modules"] = {k: {"instances": t, **summary(c)} for k, (t, c) in modules.items()}
    return result


def ecp5(path):
    design = load(path)
    return ecp5_summary(totals(design, top_of(design))[0])


def pnr(path):
    report = load(path)
    used = {k: v["used"] for k, v in report["utilization"].items()}
    return {
        "fmax_mhz": round(min(v["achieved"] for v in report["fmax"].values()), 1),
        "target_mhz": round(max(v["constraint"] for v in report["fmax"].values()), 1),
        "lut4": used.get("TRELLIS_COMB"),
        "ff": used.get("TRELLIS_FF"),
        "ebr": used.get("DP16KD"),
        "dsp": used.get("MULT18X18D"),
        "available": {k: v["available"] for k, v in report["utilization"].items()
                      if k in ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D")},
    }


def table(rows):
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w)
                        for i, (c, w) in enumerate(zip(r, widths))).rstrip())


def main():
    result = {}
    for arg in sys.argv[2:]:
        kind, config, path = arg.split(":", 2)
        result.setdefault(config, {})[kind] = {"xcup": xcup, "ecp5": ecp5, "pnr": pnr}[kind](path)

    rows = [["UltraScale+", "LUT6 packed", "LUT6", "LUT5", "LUT4", "LUT1-3", "LUT RAM", "FF", "RAMB36",
             "RAMB18", "DSP"]]
    for config, r in result.items():
        if "xcup" in r:
            x = r["xcup"]
            rows.append([config, x["lut6_packed"], x["lut"]["LUT6"], x["lut"]["LUT5"], x["lut"]["LUT4"],
                         sum(x["lut"][f"LUT{n}"] for n in (1, 2, 3)), x["lut_ram"], x["ff"], x["ramb36"],
                         x["ramb18"], x["dsp"]])
    if len(rows) > 1:
        table(rows)
        print()
    rows = [["ECP5", "LUT4", "FF", "EBR", "DSP", "Fmax MHz", "target"]]
    for config, r in result.items():
        if "pnr" in r:
            p = r["pnr"]
            rows.append([config + ", placed and routed", p["lut4"], p["ff"], p["ebr"], p["dsp"], p["fmax_mhz"],
                         p["target_mhz"]])
        elif "ecp5" in r:
            e = r["ecp5"]
            rows.append([config + ", synthesised", e["lut4"], e["ff"], e["ebr"], e["dsp"], "-", "-"])
    if len(rows) > 1:
        table(rows)
        print()
    if "xcup" in result.get("default", {}):
        x = result["default"]["xcup"]
        rows = [["parts of default", "instances", "LUT6 packed", "LUT RAM", "FF", "RAMB36", "RAMB18", "DSP"]]
        parts = sorted(x["modules"].items(), key=lambda i: (i[0][0], -i[1]["lut6_packed"]))
        for name, m in parts:
            depth, name = name.split()
            if m["lut6_packed"] >= 100:
                rows.append(["  " * (int(depth) - 1) + name, m["instances"], m["lut6_packed"], m["lut_ram"],
                             m["ff"], m["ramb36"], m["ramb18"], m["dsp"]])
        table(rows)
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main()
