# SPDX-License-Identifier: MIT
"""The four families of networks, in PyTorch: definitions, counts, export to ONNX."""
from . import abbnn, fracbnn, pokebnn, tbn

# Small ones for images of 32x32, which models/train.py trains in minutes.
SMALL = {
    "fracbnn": lambda: fracbnn.cifar(blocks=1),
    "pokebnn": lambda: pokebnn.cifar(((32, 1), (64, 2), (64, 1)), stem=32),
    "abbnn": lambda: abbnn.reactnet((2, 2, 2), (32, 64, 128), 10, False, False, 2),
    "abbnn-pow2": lambda: abbnn.reactnet((2, 2, 2), (32, 64, 128), 10, True, False, 2),
    "tbn": lambda: tbn.cifar(),
}

# Those of the papers, by size of the image.
PAPER = {
    ("fracbnn", 32): fracbnn.cifar,
    ("fracbnn", 224): fracbnn.imagenet,
    ("pokebnn", 32): pokebnn.cifar,
    ("pokebnn-0.5", 224): lambda: pokebnn.imagenet(0.5),
    ("pokebnn-1.0", 224): lambda: pokebnn.imagenet(1.0),
    ("pokebnn-2.0", 224): lambda: pokebnn.imagenet(2.0),
    ("abbnn-18", 32): lambda: abbnn.reactnet(classes=10, imagenet=False),
    ("abbnn-18-pow2", 32): lambda: abbnn.reactnet(classes=10, pow2=True, imagenet=False),
    ("abbnn-a", 32): lambda: abbnn.reactnet_a(10, imagenet=False),
    ("abbnn-18", 224): abbnn.reactnet,
    ("abbnn-34", 224): lambda: abbnn.reactnet((6, 8, 12, 6)),
    ("abbnn-a", 224): abbnn.reactnet_a,
    ("tbn-resnet18", 32): lambda: tbn.resnet18(10, imagenet=False),
    ("tbn-mixer", 32): tbn.Mixer,
    ("tbn-mlp", 28): tbn.MLP,
    ("tbn-resnet18", 224): tbn.resnet18,
}

_PAPER_CIFAR = {"abbnn": "abbnn-18", "abbnn-pow2": "abbnn-18-pow2", "tbn": "tbn-resnet18"}


def cifar(name, paper=False):
    """The network @p name of SMALL, small or of the paper's size, for 32x32 pixels, 10 classes."""
    return PAPER[_PAPER_CIFAR.get(name, name), 32]() if paper else SMALL[name]()
