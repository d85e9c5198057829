#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a .bnn file on images: the results of 'bnnaccel run --csv'."""

import argparse
import sys

import numpy as np

import bnnfile
import images
import network

INTEGERS, BITS, REAL = range(3)
BATCH = 20  # images at once, if they are small
BATCH_BYTES = 1 << 17


def header(net):
    if net.kind == BITS:
        return ["index", "label", "pred", net.column]
    return ["index", "label", "pred"] + ["%s%d" % (net.column, i) for i in range(net.classes)]


def prediction(net, outputs):
    if net.last_one:
        ones = [i for i, value in enumerate(outputs) if value == 1]
        return ones[-1] if ones else 0
    return outputs.index(max(outputs))


def shown(net, outputs):
    """The cells of one image's outputs."""
    if net.kind == BITS:
        return ["".join("1" if value == 1 else "0" for value in outputs)]
    if net.kind == REAL:
        return ["%.6f" % (value * 2.0 ** -net.values[net.output].point) for value in outputs]
    return ["%d" % value for value in outputs]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="MODEL.bnn")
    parser.add_argument("images", metavar="IMAGES", nargs="+", help="CIFAR-10 binary batch, MNIST idx file, binary PGM or PPM")
    parser.add_argument("--images", dest="limit", metavar="N", type=int, help="stop after N images")
    parser.add_argument("--csv", metavar="FILE", default="-", help="where results go (default: standard output)")
    args = parser.parse_args()

    net = bnnfile.read(args.model)
    pixels, labels = map(np.concatenate, zip(*(images.read(path, net) for path in args.images)))
    pixels = pixels[: args.limit]
    right = saturated = 0
    with sys.stdout if args.csv == "-" else open(args.csv, "w", encoding="ascii") as out:
        print(",".join(header(net)), file=out)
        batch = max(1, min(BATCH, BATCH_BYTES // pixels.shape[1]))
        for first in range(0, len(pixels), batch):
            done = network.Run(net, pixels[first : first + batch])
            saturated += done.counters.totals["SATURATED"]
            codes = done.codes(net.output)
            for i, row in enumerate(codes.reshape(len(codes), -1)[:, : net.classes].tolist(), first):
                pred = prediction(net, row)
                right += pred == labels[i]
                print(",".join(["%d" % i, "%d" % labels[i], "%d" % pred] + shown(net, row)), file=out)
            print("\r%s: %d of %d" % (net.name, first + len(codes), len(pixels)), end="", file=sys.stderr)
    print("\r%s: %d images, %d right, %d saturated" % (net.name, len(pixels), right, saturated), file=sys.stderr)


if __name__ == "__main__":
    main()
