# SPDX-License-Identifier: MIT
"""Runs a lowered network on images."""

import numpy as np

import bnnfile
import commands
import spec
from pipe import Counters
from tensors import Layout


class Run:
    """The values of a network after its nodes have run on n inputs, uint8 [n, bytes per input]."""

    def __init__(self, net, inputs):
        self.net = net
        self.counters = Counters()
        self.raw = {net.input: inputs}
        for i, value in enumerate(net.values):
            if value.role == bnnfile.CONSTANT:
                self.raw[i] = bnnfile.constant(value)
        for node in net.nodes:
            try:
                self._execute(node, len(inputs))
            except (ValueError, KeyError, IndexError) as e:
                raise bnnfile.FormatError("node %s: %s" % (node.name, e)) from e

    def _execute(self, node, n):
        c = spec.Fields(node.words)

        def operand(name):
            raw = self.raw[node.operands[c.references[name]]]
            # What a command works on is one per image, even if it is a constant; weights and the like may be shared.
            return np.broadcast_to(raw, (n, raw.shape[1])) if name in ("IN", "GATE") else raw

        for name, data in commands.BY_NAME[c.command](self.counters, c, operand).items():
            index = node.operands[c.references[name]]
            value = self.net.values[index]
            # Behind a vector that is stored as a tensor may lie padding of the tensor's row.
            padding = value.size - data.shape[1]
            if len(data) != n or not 0 <= padding < (16 if value.format else 1):
                raise ValueError("%s: %s bytes, value %s has %d" % (name, data.shape, value.name, value.size))
            self.raw[index] = np.pad(data, [(0, 0), (0, padding)])

    def codes(self, index):
        """The integers of a tensor value, [n, H, W, C]."""
        value = self.net.values[index]
        return Layout(spec.FORMATS[value.format], value.shape).read(self.raw[index])
