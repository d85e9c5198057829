#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes trained networks as ONNX, with what they answer; see models/README.md."""
import argparse
import pathlib
import sys

import onnx
import torch

from bnnmodels import PAPER, SMALL, cifar, records, shapes, to_onnx

ABOUT = {
    "fracbnn": "FracBNN (arXiv 2012.12206)",
    "pokebnn": "PokeBNN (arXiv 2112.00133)",
    "abbnn": "A&B BNN (arXiv 2403.03739)",
    "abbnn-pow2": "A&B BNN (arXiv 2403.03739), scales are powers of two",
    "tbn": "Tiled bit network, ResNet (arXiv 2407.12075)",
}


IMAGENET = [name for name, size in PAPER if size == 224]


def options():
    parser = argparse.ArgumentParser(
        usage="export.py --net NET {--checkpoint FILE | --random SEED} [OPTION]...",
        description="Writes OUT/NAME.onnx of a checkpoint, and with --images OUT/expected_float.csv: "
        "index, label, prediction and logits in double precision.",
        epilog="Images of our own: export.py --draw COUNT SEED FILE")
    parser.add_argument("--net", metavar="NET", help=", ".join(sorted(SMALL)))
    parser.add_argument("--checkpoint", type=pathlib.Path, help="what train.py wrote")
    parser.add_argument("--size", type=int, choices=(32, 224), default=32,
                        help="224: a network for ImageNet, one of " + ", ".join(IMAGENET))
    parser.add_argument("--random", type=int, metavar="SEED",
                        help="random parameters instead of a checkpoint's")
    parser.add_argument("--paper", action="store_true", help="it was trained with --paper")
    parser.add_argument("--name", help="of the model (default: that of the net)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--standard", action="store_true",
                        help="standard operators only (not FracBNN); a much larger file")
    parser.add_argument("--images", nargs="+", help="CIFAR-10 records to write logits of")
    parser.add_argument("--labels", help="class names (default of 32: the drawn classes)")
    parser.add_argument("--draw", nargs=3, metavar=("COUNT", "SEED", "FILE"),
                        help="only draw images, as CIFAR-10 records")
    args = parser.parse_args()
    if not args.draw and (not args.net or (args.checkpoint is None) == (args.random is None)):
        parser.error("give --net and --checkpoint or --random, or --draw")
    if args.net and args.net not in (SMALL if args.size == 32 else IMAGENET):
        parser.error(f"there is no {args.net} for {args.size}x{args.size} pixels")
    return args


def expected(net, images, labels, path):
    """Rows index, label, pred, logit0...; ties: the first of the largest."""
    with torch.no_grad():
        logits = torch.cat([net(torch.from_numpy(images[i:i + 50]).double())
                            for i in range(0, len(images), 50)]).numpy()
    with open(path, "w", encoding="ascii") as file:
        file.write(",".join(["index", "label", "pred"] +
                            [f"logit{i}" for i in range(logits.shape[1])]) + "\n")
        for i, row in enumerate(logits):
            values = ",".join(f"{value:.6f}" for value in row)
            file.write(f"{i},{labels[i]},{row.argmax()},{values}\n")
    right = int((logits.argmax(1) == labels).sum())
    print(f"{path}: {right} of {len(images)} right")


def main():
    args = options()
    if args.draw:
        count, seed, path = args.draw
        records.write(path, *shapes.make(int(count), int(seed)))
        return
    if args.random is not None:
        torch.manual_seed(args.random)
    net = PAPER[args.net, 224]() if args.size == 224 else cifar(args.net, args.paper)
    if args.checkpoint:
        net.load_state_dict(torch.load(args.checkpoint))
    labels = args.labels or (",".join(shapes.CLASSES) if args.size == 32 else "")
    labels = labels.split(",") if labels else []
    name = args.name or args.net
    about = ABOUT.get(args.net) or ABOUT[args.net.split("-")[0]]
    if args.random is not None:
        about += ", random parameters"
    args.out.mkdir(parents=True, exist_ok=True)
    model = to_onnx.convert(net, name, (3, args.size, args.size), len(labels) or 1000, labels, about,
                            args.standard)
    path = args.out / f"{name}.onnx"
    onnx.save(model, str(path))
    print(f"{path}: {model.ByteSize()} bytes, {len(model.graph.node)} nodes")
    if args.images:
        expected(net, *records.read(*args.images), args.out / "expected_float.csv")


if __name__ == "__main__":
    main()
