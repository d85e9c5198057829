# SPDX-License-Identifier: MIT
"""CIFAR-10 records: a label and 3 x 32 x 32 bytes each, what `bnnaccel run` reads."""
import numpy as np

BYTES = 1 + 3 * 32 * 32


def write(path, images, labels):
    """uint8 images n x 3 x 32 x 32 and n labels."""
    records = np.concatenate([labels[:, None], images.reshape(len(images), -1)], 1)
    records.astype(np.uint8).tofile(path)


def read(*paths):
    """(images, labels) of all files together."""
    data = np.concatenate([np.fromfile(path, np.uint8) for path in paths])
    if not len(data) or len(data) % BYTES:
        raise ValueError(f"{', '.join(map(str, paths))}: not records of {BYTES} bytes")
    data = data.reshape(-1, BYTES)
    return data[:, 1:].reshape(-1, 3, 32, 32), data[:, 0]
