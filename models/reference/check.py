#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs recorded networks (tests/reference/record.c) and compares every byte of every value, and the counters. Prints TAP."""

import argparse
import pathlib
import struct
import sys

import numpy as np

import bnnfile
import coverage
import network
from pipe import Counters


def differences(path, seen):
    """What differs between a recorded network and this executor: sentences."""
    net = bnnfile.read(path)
    blob = path.with_suffix(".rec").read_bytes()
    images, *expected = struct.unpack_from("<I4Q", blob, 0)
    at = 36

    def take(size):
        nonlocal at
        data = np.frombuffer(blob, np.uint8, images * size, at).reshape(images, size)
        at += images * size
        return data

    for node in net.nodes:
        seen.add(node)
    try:
        done = network.Run(net, take(net.values[net.input].size))
    except bnnfile.FormatError as e:
        yield str(e)
        return
    for i, value in enumerate(net.values):
        if value.role in (bnnfile.TEMPORARY, bnnfile.OUTPUT):
            wrong = np.argwhere(take(value.size) != done.raw[i])
            if len(wrong):
                yield "value %s: %d bytes differ, the first is %d of image %d" % (
                    value.name, len(wrong), wrong[0][1], wrong[0][0])  # fmt: skip
    for name, count in zip(Counters.NAMES, expected):
        if done.counters.totals[name] != count:
            yield "%s is %d, recorded %d" % (name, done.counters.totals[name], count)
    if at != len(blob):
        yield "%d bytes recorded, %d expected" % (len(blob), at)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()

    failed, paths = [], sorted(args.folder.glob("*.bnn"))
    seen = coverage.Coverage()
    for path in paths:
        lines = list(differences(path, seen))
        if lines:
            failed.append(path.name)
        for line in lines:
            print("# %s: %s" % (path.name, line))
    good = paths and not failed
    print("%sok 1 - %d random networks, %d commands: every byte and the counters" % (
        "" if good else "not ", len(paths), seen.commands))  # fmt: skip
    missing = seen.missing()
    for line in seen.summary():
        print("# " + line)
    for line in missing:
        print("# never ran: " + line)
    print("%sok 2 - every opcode, flag, mode and format ran" % ("not " if missing else ""))
    print("1..2")
    sys.exit(0 if good and not missing else 1)


if __name__ == "__main__":
    main()
