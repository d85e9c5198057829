#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs every network that is built, everywhere, and prints one table: accuracy against the float original, where the bits are equal, what it costs.

A row for each line of networks.tsv and for each file of BUILD/networks-large. Exit status 1 if anything failed or differs.
"""

import argparse
import csv
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

MODELS = pathlib.Path(__file__).resolve().parent
TOP = MODELS.parent
UNSUPPORTED = 8  # exit code of the program: commands that no device knows
# What inspect --json calls them.
FIGURES = ("ace", "file_size", "bits_per_weight", "multiplications")


def say(text):
    print("%s network-table: %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


class Network:
    """A row: a line of networks.tsv, or a .bnn file that has none."""

    def __init__(self, name, images=(), expected=None):
        self.name, self.images, self.expected = name, list(images), expected
        self.model = None
        self.row = {"network": name}


def listed(build, data):
    """The networks of networks.tsv, with paths."""
    for line in (MODELS / "networks.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, images, expected = line.split("\t")
        folders = {"samples": build, "models": TOP}
        images, expected = (folders.get(path.split("/")[0], data) / path for path in (images, expected))
        yield Network(name, [images], expected)


def networks(build, data):
    """All networks: those listed, then what else is built."""
    found = list(listed(build, data))
    by_name = {n.name: n for n in found}
    for path in sorted(build.glob("networks/*.bnn")) + sorted(build.glob("networks-large/*.bnn")):
        if path.stem not in by_name:
            # Images lie beside large networks.
            by_name[path.stem] = Network(path.stem, sorted(path.parent.glob("*.ppm")))
            found.append(by_name[path.stem])
        by_name[path.stem].model = path
    return found


def results(path, limit):
    """Rows of a result file: dictionaries with index, label, pred, ..."""
    with open(path, encoding="ascii", newline="") as f:
        return list(csv.DictReader(f))[:limit]


class Table:
    def __init__(self, args):
        self.build, self.images = args.build, args.images
        self.tool = args.build / "bin" / "bnnaccel"
        self.work = args.build / "network-table"
        self.work.mkdir(parents=True, exist_ok=True)
        for old in self.work.rglob("*.csv"):
            old.unlink()

    def path(self, network, where):
        folder = self.work / where
        folder.mkdir(exist_ok=True)
        return folder / (network.name + ".csv")

    def command(self, network, backend, out):
        """A command line of the program."""
        return [self.tool, "run", "--backend", backend, "--draw", "0", "--quiet", "--limit", str(self.images),
                "--csv", out, network.model, *network.images]  # fmt: skip

    def run_here(self, network, backend):
        """On this machine; the exit code."""
        say("%s, %s" % (network.name, backend))
        return subprocess.run(self.command(network, backend, self.path(network, backend)), check=False).returncode

    def start_reference(self, todo):
        """One after the other, beside the emulated machine."""
        lines = [
            shlex.join(map(str, ["/usr/bin/python3", MODELS / "reference" / "run.py", n.model, *n.images, "--images",
                                 self.images, "--csv", self.path(n, "reference")])) + " 2>/dev/null"
            for n in todo
        ]  # fmt: skip
        say("reference, beside what follows: %d networks" % len(todo))
        return subprocess.Popen(["sh", "-c", "\n".join(lines)])

    def run_device(self, todo, timeout):
        """One boot of the emulated machine for all."""
        say("device: one boot, %d networks" % len(todo))
        out = self.work / "device"
        out.mkdir(exist_ok=True)
        # With auto, the CPU computes what the device does not know.
        commands = [self.command(n, "auto" if n.row["host"] else "device", "/out/%s.csv" % n.name) for n in todo]
        script = "\n".join("echo device: %s >&2; %s" % (n.name, shlex.join(map(str, c))) for n, c in zip(todo, commands))
        shares = {self.build} | {path.parent for n in todo for path in n.images}
        command = [TOP / "tests" / "vm" / "bnn-vm", "--module", self.build / "driver" / "bnnaccel.ko", "--add", self.tool,
                   "--out", out, "--log", self.work / "device.log", "--timeout", str(timeout), "--mem", "1024"]  # fmt: skip
        for share in sorted(shares):
            if not any(other in share.parents for other in shares):
                command += ["--share", share]
        command += ["--", "/bin/sh", "-c", script]
        subprocess.run(command, stdout=sys.stderr, check=False)

    def equal(self, network, where):
        """On how many images the results are those of the CPU engine; None if there are none."""
        path = self.path(network, where)
        if not path.exists():
            return None
        ours, theirs = self.path(network, "cpu").read_text().splitlines(), path.read_text().splitlines()
        return sum(a == b for a, b in zip(ours[1:], theirs[1:]))

    def fill(self, network):
        """The figures of a network that has run."""
        row = network.row
        ours = results(self.path(network, "cpu"), None)
        row["images"] = len(ours)
        row["right"] = sum(r["label"] == r["pred"] for r in ours) if ours[0]["label"] != "-1" else None
        if network.expected and network.expected.is_file():
            float_rows = results(network.expected, len(ours))
            row["float_right"] = sum(r["label"] == r["pred"] for r in float_rows)
            row["agree"] = sum(a["pred"] == b["pred"] for a, b in zip(ours, float_rows))
        for where in ("model", "device", "reference"):
            row[where] = self.equal(network, where)
        inspected = subprocess.run([self.tool, "inspect", "--json", network.model], capture_output=True, check=True)
        figures = json.loads(inspected.stdout)
        row.update({name: figures[name] for name in FIGURES})


COLUMNS = (
    ("network", "network"),
    ("images", "images"),
    ("right", "right"),
    ("float", "float right"),
    ("agree", "predictions as float"),
    ("model", "model = cpu"),
    ("device", "device = cpu"),
    ("reference", "reference = cpu"),
    ("ace", "ACE"),
    ("file_size", "file, bytes"),
    ("bits_per_weight", "bits per weight"),
    ("multiplications", "multiplications"),
)


def share(count, total):
    return "" if count is None else "%d (%.1f %%)" % (count, 100.0 * count / total)


def cells(row):
    """A row as text."""
    if "skipped" in row:
        return [row["network"]] + [""] * (len(COLUMNS) - 2) + ["skipped: " + row["skipped"]]
    total = row["images"]

    def bits(where):
        equal = row[where]
        if equal is None:
            return "needs the CPU" if row["host"] and where == "model" else "FAILED"
        if equal < total:
            return "DIFFERS on %d" % (total - equal)
        return "all %d%s" % (total, ", CPU helps" if row["host"] and where == "device" else "")

    return [
        row["network"],
        str(total),
        share(row["right"], total),
        share(row.get("float_right"), total),
        share(row.get("agree"), total),
        bits("model"),
        bits("device"),
        bits("reference"),
        "{:,}".format(row["ace"]),
        "{:,}".format(row["file_size"]),
        "%.3f" % row["bits_per_weight"],
        "{:,}".format(row["multiplications"]),
    ]


def print_table(rows):
    """Markdown, in columns for who reads it in a terminal."""
    lines = [[title for _, title in COLUMNS]] + [cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines if i == 0 or "skipped" not in line[-1]) for i in range(len(COLUMNS))]
    for number, line in enumerate(lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build")
    parser.add_argument("--images", type=int, default=500, help="of each network (default: 500)")
    parser.add_argument("--timeout", type=int, default=1200, help="seconds for the emulated machine (default: 1200)")
    parser.add_argument("--json", action="store_true", help="print JSON; it is in BUILD/network-table.json in any case")
    args = parser.parse_args()
    args.build = args.build.resolve()
    data = pathlib.Path(os.environ.get("BNNACCEL_DATA", TOP / ".." / "shared" / "data")).resolve()

    start = time.monotonic()
    table, todo, everything = Table(args), [], networks(args.build, data)
    for network in everything:
        if not network.images:
            network.row["skipped"] = "models/networks.tsv names no images"
        elif not network.model or not all(path.exists() for path in network.images):
            network.row["skipped"] = "no data in BNNACCEL_DATA"
        elif table.run_here(network, "cpu"):
            network.row["skipped"] = "cpu failed"
        else:
            todo.append(network)
    reference = table.start_reference(todo)
    for network in todo:
        network.row["host"] = table.run_here(network, "model") == UNSUPPORTED
    table.run_device(todo, args.timeout)
    say("waiting for the reference")
    reference.wait()
    for network in todo:
        table.fill(network)

    rows = [network.row for network in everything]
    text = json.dumps({"networks": rows, "seconds": round(time.monotonic() - start)}, indent=1)
    (args.build / "network-table.json").write_text(text + "\n")
    if args.json:
        print(text)
    else:
        print_table(rows)
    say("%d s" % (time.monotonic() - start))
    ran = [row for row in rows if "skipped" not in row]
    good = all("FAILED" not in cell and "DIFFERS" not in cell for row in ran for cell in cells(row))
    sys.exit(0 if good and not any(row.get("skipped") == "cpu failed" for row in rows) else 1)


if __name__ == "__main__":
    main()
