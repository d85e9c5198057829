# SPDX-License-Identifier: MIT
"""Image files: CIFAR-10 binary batches, MNIST idx files, binary PGM and PPM."""

import pathlib

import numpy as np


def _idx(path):
    blob = path.read_bytes()
    dimensions = np.frombuffer(blob, ">u4", blob[3], 4)
    return np.frombuffer(blob, np.uint8, offset=4 + 4 * blob[3]).reshape(dimensions)


def _netpbm(blob):
    """One image and what follows it."""
    fields, at = [], 0
    while len(fields) < 4:
        while blob[at : at + 1].isspace():
            at += 1
        if blob[at : at + 1] == b"#":
            at = blob.index(b"\n", at)
            continue
        end = at
        while not blob[end : end + 1].isspace():
            end += 1
        fields.append(blob[at:end])
        at = end
    colours = {b"P5": 1, b"P6": 3}[fields[0]]
    columns, rows = int(fields[1]), int(fields[2])
    return np.frombuffer(blob, np.uint8, rows * columns * colours, at + 1).reshape(rows, columns, colours)


def read(path, net):
    """Images as bytes [n, size] in the order of a network, and their labels (-1: unknown)."""
    path = pathlib.Path(path)
    rows, columns, colours = net.image
    with open(path, "rb") as f:
        start = f.read(4)
    if start[:2] in (b"P5", b"P6"):
        pixels, labels = _netpbm(path.read_bytes())[None], np.array([-1])
    elif start == b"\0\0\x08\x03":
        pixels = _idx(path)[..., None]
        beside = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
        labels = _idx(beside) if beside != path and beside.exists() else np.full(len(pixels), -1)
    else:
        records = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
        labels, pixels = records[:, 0], records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    if pixels.shape[1:] != (rows, columns, colours):
        raise ValueError("%s: images of %s, the network takes %s" % (path, pixels.shape[1:], net.image))
    if net.planar:
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels).reshape(len(pixels), -1), labels.astype(int)
