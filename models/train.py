#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains one of the networks of bnnmodels; see models/README.md."""
import argparse
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from bnnmodels import SMALL, cifar, records, shapes

EPOCHS = {"fracbnn": 6, "pokebnn": 6, "abbnn": 12, "abbnn-pow2": 3, "tbn": 8}
RATE = {"fracbnn": 4e-3, "pokebnn": 4e-3, "abbnn": 4e-3, "abbnn-pow2": 1e-3, "tbn": 3e-3}


def options():
    parser = argparse.ArgumentParser(
        usage="train.py --net NET [OPTION]...",
        description="Trains a network of bnnmodels and writes OUT/NET.pt, for models/export.py.",
        epilog="CIFAR-10: --data data_batch_*.bin --test test_batch.bin --paper --epochs 200 --flip")
    parser.add_argument("--net", required=True, choices=sorted(SMALL), help=", ".join(sorted(SMALL)),
                        metavar="NET")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/models"))
    parser.add_argument("--data", nargs="+", help="CIFAR-10 records to train on (else: drawn ones)")
    parser.add_argument("--test", nargs="+", help="CIFAR-10 records to test on")
    parser.add_argument("--images", type=int, default=4000, help="how many to draw (4000)")
    parser.add_argument("--paper", action="store_true", help="the paper's size for 32x32 pixels")
    parser.add_argument("--start", type=pathlib.Path, help="checkpoint to start from")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, help="largest learning rate; it ends at 0")
    parser.add_argument("--flip", action="store_true", help="mirrored images as well")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="1 gives the same bits every time")
    return parser.parse_args()


def data(args):
    """((images, labels) to train on, the same to test on) as numpy arrays."""
    if args.data:
        if not args.test:
            sys.exit("train.py: --data needs --test, records that are not trained on")
        return records.read(*args.data), records.read(*args.test)
    return shapes.make(args.images, 1), shapes.make(1000, 2)


def moved(x, rng, flip):
    """Images shifted by up to 2 pixels, the border repeated; each other one mirrored."""
    dy, dx = rng.integers(-2, 3, 2)
    size = x.shape[-1]
    x = F.pad(x, (2, 2, 2, 2), mode="replicate")[..., 2 + dy:2 + dy + size, 2 + dx:2 + dx + size]
    mirror = torch.from_numpy(rng.uniform(size=len(x)) < 0.5) if flip else None
    return torch.where(mirror[:, None, None, None], x.flip(3), x) if flip else x


def accuracy(net, images, labels):
    net.eval()
    with torch.no_grad():
        right = sum(int((net(torch.from_numpy(images[i:i + 100]).float()).argmax(1).numpy() ==
                         labels[i:i + 100]).sum()) for i in range(0, len(images), 100))
    return 100 * right / len(images)


def main():
    args = options()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    rng = np.random.Generator(np.random.PCG64(args.seed))
    (images, labels), test = data(args)
    net = cifar(args.net, args.paper)
    if args.start:
        net.load_state_dict(torch.load(args.start))
    epochs, rate = args.epochs or EPOCHS[args.net], args.rate or RATE[args.net]
    optimiser = torch.optim.Adam(net.parameters(), rate)
    steps = epochs * (len(images) // args.batch)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.net}.pt"
    start = shown = time.time()
    for epoch in range(1, epochs + 1):
        net.train()
        order, losses = rng.permutation(len(images)), []
        for step in range(len(images) // args.batch):
            take = order[step * args.batch:(step + 1) * args.batch]
            x = moved(torch.from_numpy(images[take]).float(), rng, args.flip)
            loss = F.cross_entropy(net(x), torch.from_numpy(labels[take]).long())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
            losses.append(float(loss))
            if time.time() - shown > 10:
                shown = time.time()
                print(f"  epoch {epoch}/{epochs}, batch {step + 1}, loss {np.mean(losses):.3f}",
                      file=sys.stderr, flush=True)
        print(f"epoch {epoch}/{epochs}: loss {np.mean(losses):.3f}, "
              f"{accuracy(net, *test):.1f} % of {len(test[0])} test images right, "
              f"{time.time() - start:.0f} s", flush=True)
    torch.save(net.state_dict(), path)
    print(f"{path} written")


if __name__ == "__main__":
    main()
