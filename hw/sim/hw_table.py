#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Cycles of one frame of each network on the Verilated core, against their targets.

Each network runs twice through `bnnaccel profile`: with a memory of 16 bytes per cycle and 60 cycles of latency, and with 200 cycles and every page on its own.
Prints a Markdown table and writes JSON. With --bounds only the first, for the networks that the file names; cycles must not be more than it says (TAP).
Exit status 1 if a result differs from the CPU's, or a bound is exceeded.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
UNSUPPORTED = 8  # exit code of the program
WALK_MAX = 0.02  # share of cycles, pages scattered
NEAR = ["--latency", "60", "--bytes", "16"]
FAR = ["--latency", "200", "--bytes", "16", "--scatter"]


def say(text):
    print("%s hw-table: %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


def listed():
    """The lines of hw_networks.tsv."""
    keys = ("name", "network", "image", "part", "versus", "target", "stretch", "shortcut")
    for line in (HERE / "hw_networks.tsv").read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            row = dict(zip(keys, line.split("\t")))
            row["target"], row["stretch"] = float(row["target"]), float(row["stretch"])
            yield row


class Failed(Exception):
    pass


def binary_layers(rows):
    """CONV of 1-bit weights, but for the first and the last CONV of the network."""
    convs = [r for r in rows if r["opcode"] == "CONV"]
    return [r for r in convs[1:-1] if re.search(r", \d+x\d+ B1\b", r["text"])]


def shortcut_formats(rows):
    """Formats that CONV and EW add."""
    found = set()
    for row in rows:
        found.update(re.findall(r"plus (?:\d+x\d+x\d+ )?(\w+)", row["text"]))
    return ", ".join(sorted(found)) or "-"


def part_of(profile, part):
    """Cycles and products of a part, and the cycles from its first to its last command."""
    if part == "all":
        return profile["cycles"], profile["macs"], profile["cycles"]
    rows = profile["commands"]
    chosen = binary_layers(rows)
    first, last = chosen[0]["index"], chosen[-1]["index"]
    return (sum(r["cycles"] for r in chosen), sum(r["macs"] for r in chosen),
            sum(r["cycles"] for r in rows[first:last + 1]))


def memories(config):
    """RAM of a configuration in KiB, from hw/gen/configs."""
    cfg = {}
    for line in (TOP / "hw/gen/configs" / (config + ".cfg")).read_text(encoding="ascii").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=")
            cfg[key] = int(value)
    lanes, bits = cfg["LANES"], cfg["LANE_BITS"]
    return {"weights": cfg["WEIGHT_WORDS"] * lanes * bits / 8192, "parameters": cfg["PARAM_WORDS"] * lanes * 64 / 1024,
            "rows": cfg.get("ROW_KIB", 0), "activations": cfg["ACT_KIB"]}


class Table:
    def __init__(self, args):
        self.args = args
        self.bytes = [args.data / "cifar10-test1k/dev500.bin", args.build / "networks-large/image-101.ppm"]

    def profile(self, network, image, options, *extra):
        """JSON of bnnaccel profile; raises Failed with what it said."""
        path = self.args.build / (network + ".bnn")
        if not path.exists():
            raise Failed("not built")
        command = [self.args.build / "bin/bnnaccel", "profile", "--json", "--backend", self.args.backend, *options]
        if image == "cifar":  # of a short frame, zeroing the memory on chip after a reset would be a large part
            command.append("--warm")
        command += list(extra) + [path, self.bytes[image != "cifar"]]
        run = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                             check=False)
        if run.returncode:
            text = run.stderr.strip().replace("bnnaccel profile: ", "")
            # The remedies are for users.
            raise Failed("unsupported: " + text.split(";")[0] if run.returncode == UNSUPPORTED else text)
        return json.loads(run.stdout)

    def measure(self, row):
        """Fills a row from its first run."""
        # Where the core keeps no log, only a part of the network is worth jobs of one command.
        extra = ["--total"] if row["part"] == "all" else []
        profile = self.profile(row["network"], row["image"], NEAR, *extra)
        cycles, macs, span = part_of(profile, row["part"])
        lanes, bits = (int(n) for n in profile["config"].split("x"))
        row["profile"] = profile
        row.update(cycles=cycles, macs=macs, span=span, frame=profile["cycles"], config=profile["config"],
                   seconds=profile["seconds"], rows_from=profile["rows_from"], same=profile["same_as_cpu"])
        row["utilisation"] = macs / (lanes * bits * cycles)
        row["busy"] = profile["array_busy"] / profile["cycles"]
        row["stalls"] = profile["stalls"]
        row["formats"] = shortcut_formats(profile["commands"])
        gates = profile["gates_open"] + profile["gates_shut"]
        row["gates"] = profile["gates_open"] / gates if gates else None
        row["value"] = cycles
        if row["versus"] != "-":
            other = self.profile(row["versus"], row["image"], NEAR)
            row["versus_cycles"] = part_of(other, row["part"])[0]
            row["value"] = cycles / row["versus_cycles"]
            row["same"] = row["same"] and other["same_as_cpu"]
        row["ratio"] = row["value"] / row["target"]

    def measure_far(self, row):
        profile = self.profile(row["network"], row["image"], FAR, "--total")
        row.update(far_cycles=profile["cycles"], far_walk=profile["stalls"]["walk"] / profile["cycles"],
                   far_same=profile["same_as_cpu"], far_seconds=profile["seconds"])


def number(x):
    return "%.3f" % x if x < 100 else "{:,.0f}".format(x)


def line(row):
    """A row of the printed table."""
    if "error" in row:
        return "| %s | | | %s (%s) | | | | | | | | | %s |" % (row["name"], number(row["target"]), number(row["stretch"]), row["error"])
    waits = ", ".join("%s %.1f" % (k, 100 * v / row["frame"])
                      for k, v in sorted(row["stalls"].items(), key=lambda kv: -kv[1]) if v * 200 > row["frame"])
    notes = []
    if row["formats"] != row["shortcut"] and row["shortcut"] not in row["formats"]:
        notes.append("target assumes %s" % row["shortcut"])
    if row["part"] == "binary":
        notes.append("with what lies between %s, frame %s" % (number(row["span"]), number(row["frame"])))
        if row["rows_from"] != "log":
            notes.append("commands run alone")
    if "far_walk" in row and row["far_walk"] > WALK_MAX:
        notes.append("walks above %.0f %%" % (100 * WALK_MAX))
    return "| %s | %s | %s | %s (%s) | %.2f | %.1f %% | %.1f %% | %s | %s | %s | %s | %.1f | %s |" % (
        row["name"], row["part"], number(row["value"]), number(row["target"]), number(row["stretch"]), row["ratio"],
        100 * row["utilisation"], 100 * row["busy"], waits, "-" if row["gates"] is None else "%.1f %%" % (100 * row["gates"]),
        row["formats"], "-" if "far_walk" not in row else "%.1f %%" % (100 * row["far_walk"]), row["seconds"], "; ".join(notes))


HEAD = """| network | part | cycles of a frame | target (stretch) | ratio | use of array | busy | waits, % of a frame | gates open | shortcuts | walks, far | seconds | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def table(args):
    t = Table(args)
    known = {row["name"]: row for row in listed()}
    names = args.networks or list(known)
    unknown = [n for n in names if n not in known]
    if unknown:
        sys.exit("hw-table: there is no network %s; choose from %s" % (", ".join(unknown), ", ".join(known)))
    result = {"date": time.strftime("%Y-%m-%d"), "backend": args.backend, "memories_kib": memories("default"), "networks": []}
    print(HEAD, flush=True)
    bad = 0
    for name in names:
        row = known[name]
        say(name)
        try:
            t.measure(row)
            if args.far:
                t.measure_far(row)
        except Failed as e:
            row["error"] = str(e)
            bad += not row["error"].startswith("unsupported")
        result["networks"].append(row)
        print(line(row), flush=True)
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="ascii")
    print("\nMemories, KiB: " + ", ".join("%s %g" % kv for kv in result["memories_kib"].items()) +
          ". Results are the CPU's. Rows as JSON: %s" % args.json)
    return bad != 0


def bounds(args):
    """TAP: each network of the file as the CPU, in no more cycles than it says."""
    t, bad, count = Table(args), 0, 0
    known = {row["name"]: row for row in listed()}
    for text in args.bounds.read_text(encoding="ascii").splitlines():
        if text.startswith("#"):
            continue
        count += 1
        name, bound = text.split("\t")
        try:
            row = known[name]
            t.measure(row)
            ok = row["frame"] <= int(bound)
            said = "%s: %s cycles of %s, the result is the CPU's" % (name, number(row["frame"]), number(int(bound)))
        except Failed as e:
            ok, said = str(e) == "not built", "%s: %s" % (name, e)
            if ok:
                said += " # SKIP no trained weights in BNNACCEL_DATA"
        bad += not ok
        print("%sok %d - %s" % ("" if ok else "not ", count, said), flush=True)
    print("1..%d" % count)
    return bad != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="BNNACCEL_DATA")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--backend", default="rtl", choices=("rtl", "model"))
    parser.add_argument("--no-far", dest="far", action="store_false", help="only the first run of each")
    parser.add_argument("--bounds", type=pathlib.Path, help="check cycles against this file")
    parser.add_argument("networks", nargs="*")
    args = parser.parse_args()
    args.json = args.json or args.build / "hw-table.json"
    sys.exit(bounds(args) if args.bounds else table(args))


if __name__ == "__main__":
    main()
