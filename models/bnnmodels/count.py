# SPDX-License-Identifier: MIT
"""Multiply-accumulates and weights of a network, layer by layer, by the bits of weights and
activations, without computing anything (tensors without data)."""
from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from . import abbnn, fracbnn, pokebnn, tbn

Layer = namedtuple("Layer", "name weight_bits activation_bits macs weights")
REAL = 32


def bits(module):
    """(of weights, of activations) of a module that convolves, else None."""
    if isinstance(module, pokebnn.IntegerConv):
        return module.bits, module.bits
    if isinstance(module, abbnn.SignConv):
        return 1, REAL if module.real else 1
    for kind, value in ((fracbnn.GatedConv, (1, 2)), (fracbnn.BinaryConv, (1, 1)),
                        (pokebnn.BinConv, (1, 1)), (tbn.Tiled, (1, REAL)),
                        (abbnn.ScaledConv, (REAL, REAL)), (nn.Linear, (REAL, REAL)),
                        (nn.Conv2d, (REAL, REAL))):
        if isinstance(module, kind):
            return value
    return None


class _Counter(TorchFunctionMode):
    """Counts what F.conv2d and F.linear do inside the module entered last."""

    def __init__(self):
        super().__init__()
        self.stack, self.macs = [], {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function in (F.conv2d, torch.conv2d, F.linear) and self.stack:
            macs = result[0].numel() * args[1][0].numel()
            self.macs[self.stack[-1]] = max(self.macs.get(self.stack[-1], 0), macs)
        return result


def layers(net, size, colours=3):
    """Layers of @p net for one image of size x size, in the order of their first use."""
    net = net.to("meta").eval()
    counter, names = _Counter(), {}
    for name, module in net.named_modules():
        if bits(module):
            names[module] = name
            module.register_forward_pre_hook(lambda m, _: counter.stack.append(m))
            module.register_forward_hook(lambda m, _, result: counter.stack.pop() and None)
    with torch.no_grad(), counter:
        net(torch.empty(1, colours, size, size, device="meta"))
    found = []
    for module, macs in counter.macs.items():
        weight = module.weight if isinstance(module, (nn.Conv2d, nn.Linear, fracbnn.BinaryConv)) \
            else module.latent
        stored = weight.numel() // getattr(module, "p", 1)
        found.append(Layer(names[module], *bits(module), macs, stored))
    return found


def ace(found):
    """PokeBNN's measure: MACs times bits of weights times bits of activations."""
    return sum(l.macs * l.weight_bits * l.activation_bits for l in found)


def macs(found, weight_bits=None):
    return sum(l.macs for l in found if weight_bits in (None, l.weight_bits))


def weights(found, weight_bits=None):
    """Stored ones; of a tile once."""
    return sum(l.weights for l in found if weight_bits in (None, l.weight_bits))


def parameters(net):
    return sum(p.numel() for p in net.parameters())
