# SPDX-License-Identifier: MIT
"""Writes ONNX graphs of binary networks: with operators of the domain `bnnaccel` (docs/onnx.md;
packed signs, small files) or, with standard=True, with standard operators and float weights only."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class NotStandard(ValueError):
    """What standard operators cannot say."""


def array(tensor):
    """A torch tensor or anything array-like as float32 (from double: rounded once)."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().numpy()
    return np.asarray(tensor, np.float32)


def packed(signs):
    """Rows of signs [o, ...] (order o, channel, ky, kx) as bits in the order ky, kx, channel."""
    rows = signs.transpose(0, 2, 3, 1) if signs.ndim == 4 else signs
    return np.packbits(rows.reshape(len(rows), -1) > 0, axis=1, bitorder="little")


class Graph:
    """Tensors are names. Parameters per channel are [c]; images are [N, c, h, w]."""

    def __init__(self, name, shape, standard=False):
        self.name, self.standard = name, standard
        self.nodes, self.constants, self.used = [], [], {}
        self.image = "image"
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *shape])

    def unique(self, hint):
        self.used[hint] = self.used.get(hint, 0) + 1
        return hint if self.used[hint] == 1 else f"{hint}.{self.used[hint]}"

    def constant(self, value, hint):
        name = self.unique(hint)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def vector(self, value, hint):
        """[c] as it applies to images."""
        value = array(value)
        return self.constant(value.reshape(-1, 1, 1) if value.size > 1 else value.reshape(()), hint)

    def node(self, op, inputs, hint=None, domain=None, **attributes):
        out = self.unique(hint or op.lower())
        node = helper.make_node(op, inputs, [out], out, domain=domain)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in sorted(attributes.items()))
        self.nodes.append(node)
        return out

    def own(self, op, inputs, hint, **attributes):
        return self.node(op, inputs, hint, "bnnaccel", **attributes)

    def need_own(self, what):
        if self.standard:
            raise NotStandard(f"{what} needs operators of the domain bnnaccel")

    # Arithmetic per channel

    def add(self, x, vector, hint):
        return self.node("Add", [x, self.vector(vector, f"{hint}.offset")], hint)

    def affine(self, x, scale, offset, hint):
        x = self.node("Mul", [x, self.vector(scale, f"{hint}.scale")], f"{hint}.scaled")
        return self.add(x, offset, hint)

    def sign(self, x, threshold, hint):
        if not self.standard:
            return self.own("Sign", [x] + ([] if threshold is None else
                                           [self.vector(threshold, f"{hint}.threshold")]), hint)
        threshold = np.zeros(()) if threshold is None else threshold
        above = self.node("GreaterOrEqual", [x, self.vector(threshold, f"{hint}.threshold")])
        return self.node("Where", [above, self.vector(1, "one"), self.vector(-1, "minus_one")], hint)

    def rprelu(self, x, shift_x, slope, shift_y, hint):
        if not self.standard:
            return self.own("RPReLU", [x] + [self.vector(v, f"{hint}.{n}") for n, v in (
                ("shift_x", shift_x), ("slope", slope), ("shift_y", shift_y))], hint)
        x = self.add(x, shift_x, f"{hint}.moved")
        x = self.node("PRelu", [x, self.vector(slope, f"{hint}.slope")], f"{hint}.bent")
        return self.add(x, shift_y, hint)

    def dprelu(self, x, shift_x, below, above, shift_y, hint):
        if not self.standard:
            return self.own("DPReLU", [x] + [self.vector(v, f"{hint}.{n}") for n, v in (
                ("shift_x", shift_x), ("below", below), ("above", above), ("shift_y", shift_y))], hint)
        x = self.add(x, -array(shift_x), f"{hint}.moved")
        positive = self.node("GreaterOrEqual", [x, self.vector(0, "zero")])
        sides = [self.node("Mul", [x, self.vector(v, f"{hint}.slope")]) for v in (above, below)]
        x = self.node("Where", [positive, *sides], f"{hint}.bent")
        return self.add(x, -array(shift_y), hint)

    def codes(self, x, kind, top, bound, hint):
        """PokeBNN's codes: symmetric, or (kind "unsigned...") rounded down from 0 to top."""
        bound = float(bound)
        down = kind.startswith("unsigned")
        if not self.standard:
            how = {"rounding": "down"} if down else {"symmetric": 1}
            return self.own("Quantise", [x], hint, codes=kind, range=bound, output="codes", **how)
        low, high = self.vector(0 if down else -bound, "low"), self.vector(bound, "high")
        x = self.node("Clip", [x, low, high], f"{hint}.clipped")
        x = self.node("Mul", [x, self.vector((top + down) / bound, "per_step")])
        if not down:
            x = self.node("Add", [x, self.vector(0.5, "half")])
        x = self.node("Floor", [x], f"{hint}.floor" if down else hint)
        return self.node("Clip", [x, self.vector(0, "low"), self.vector(top, "top")], hint) if down else x

    # Convolutions; pads are top, left, bottom, right

    def conv(self, x, weight, hint, stride=1, pads=(0, 0, 0, 0), group=1, bias=None):
        """Real weights, or integers: then int8 arrays."""
        weight = weight if weight.dtype == np.int8 else array(weight)
        name = self.constant(weight, f"{hint}.weight")
        if weight.dtype == np.int8:
            name = self.node("Cast", [name], f"{hint}.weight.real", to=TensorProto.FLOAT)
        inputs = [x, name] + ([] if bias is None else [self.constant(array(bias), f"{hint}.bias")])
        return self.node("Conv", inputs, hint, kernel_shape=weight.shape[2:], strides=[stride] * 2,
                         pads=list(pads), group=group)

    def binary_conv(self, x, signs, hint, scale=None, bias=None, stride=1, pads=(0, 0, 0, 0)):
        """scale*conv(x, signs) + bias; signs: +1, -1 [o, c, ky, kx]."""
        signs = array(signs)
        if self.standard:
            x = self.conv(x, signs, f"{hint}.sum", stride, pads)
            x = x if scale is None else self.node("Mul", [x, self.vector(scale, f"{hint}.scale")], hint)
            return x if bias is None else self.add(x, bias, f"{hint}.moved")
        inputs = [x, self.constant(packed(signs), f"{hint}.bits")]
        inputs += ["" if v is None else self.constant(array(v).reshape(-1), f"{hint}.{n}")
                   for n, v in (("scale", scale), ("bias", bias))]
        while not inputs[-1]:
            inputs.pop()
        return self.own("BinaryConv", inputs, hint, kernel_shape=signs.shape[2:], strides=[stride] * 2,
                        pads=list(pads))

    def gated_conv(self, x, signs, gates, hint, stride, pads):
        self.need_own("a precision-gated convolution")
        signs = array(signs)
        inputs = [x, self.constant(packed(signs), f"{hint}.bits"),
                  self.constant(array(gates), f"{hint}.gates")]
        return self.own("PrecisionGatedConv", inputs, hint, kernel_shape=signs.shape[2:],
                        strides=[stride] * 2, pads=list(pads))

    def tiled_conv(self, x, tiled, hint, stride=1, pads=(0, 0, 0, 0)):
        """@p tiled: a bnnmodels.tbn.Tiled of shape [o, c, ky, kx]."""
        shape = tiled.latent.shape
        if self.standard:
            return self.conv(x, tiled.weight(), hint, stride, pads)
        tile = np.packbits(array(tiled.tile()) > 0, bitorder="little")
        scale = array(tiled.scale())[:1 if tiled.one_scale else None]
        inputs = [x, self.constant(tile, f"{hint}.tile"), self.constant(scale, f"{hint}.scale")]
        return self.own("TiledConv", inputs, hint, p=tiled.p, outputs=shape[0], order="OIHW",
                        kernel_shape=shape[2:], strides=[stride] * 2, pads=list(pads))

    def tiled_dense(self, x, tiled, hint, bias=None):
        """One pixel [N, c] by a Tiled of shape [o, c]."""
        bias = [] if bias is None else [self.constant(array(bias), f"{hint}.bias")]
        if self.standard:
            weight = self.constant(array(tiled.weight()), f"{hint}.weight")
            return self.node("Gemm", [x, weight, *bias], hint, transB=1)
        tile = np.packbits(array(tiled.tile()) > 0, bitorder="little")
        inputs = [x, self.constant(tile, f"{hint}.tile"),
                  self.constant(array(tiled.scale())[:1 if tiled.one_scale else None], f"{hint}.scale")]
        return self.own("TiledGemm", inputs + bias, hint, p=tiled.p, outputs=tiled.latent.shape[0])

    # Shapes

    def reshape(self, x, shape, hint):
        return self.node("Reshape", [x, self.constant(np.array(shape, np.int64), f"{hint}.shape")], hint)

    def transpose(self, x, order, hint):
        return self.node("Transpose", [x], hint, perm=order)

    def layer_norm(self, x, module, hint):
        """Over the last axis."""
        inputs = [x, self.constant(array(module.weight), f"{hint}.weight"),
                  self.constant(array(module.bias), f"{hint}.bias")]
        return self.node("LayerNormalization", inputs, hint, axis=-1, epsilon=module.eps)

    def gelu(self, x, hint):
        """x*(1 + erf(x/sqrt 2))/2"""
        y = self.node("Erf", [self.node("Div", [x, self.vector(2**0.5, "root")])])
        y = self.node("Mul", [x, self.node("Add", [y, self.vector(1, "one")])])
        return self.node("Mul", [y, self.vector(0.5, "half")], hint)

    def mean(self, x, hint="mean"):
        return self.node("GlobalAveragePool", [x], hint)

    def average(self, x, kernel, stride, hint, pads=(0, 0, 0, 0)):
        return self.node("AveragePool", [x], hint, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                         pads=list(pads), count_include_pad=1)

    def match(self, x, inputs, outputs, mode, stride, hint):
        """PokeBNN's shortcut to another size (bnnmodels.pokebnn.match)."""
        if inputs == outputs and stride == 1:
            return x
        if not self.standard:
            return self.own("MatchChannels", [x], hint, channels=outputs, mode=mode, stride=stride)
        if inputs > outputs:
            x = self.group_means(x, inputs // outputs, hint)
        elif inputs < outputs and mode == "repeat":
            x = self.node("Concat", [x] * (outputs // inputs), f"{hint}.repeated", axis=1)
        elif inputs < outputs:
            pads = self.constant(np.array([0, 0, 0, 0, 0, outputs - inputs, 0, 0], np.int64), "pads")
            x = self.node("Pad", [x, pads], f"{hint}.padded")
        return self.average(x, 3, 2, hint, (0, 0, 1, 1)) if stride == 2 else x

    def group_means(self, x, k, hint):
        """Means of k consecutive channels: x[:, 0::k] + x[:, 1::k] + ..., over k."""
        total = None
        end, axis, step = (self.constant(np.array([v], np.int64), n)
                           for v, n in ((2**31 - 1, "end"), (1, "axis"), (k, "step")))
        for i in range(k):
            first = self.constant(np.array([i], np.int64), "first")
            part = self.node("Slice", [x, first, end, axis, step])
            total = part if total is None else self.node("Add", [total, part])
        return self.node("Div", [total, self.vector(k, "parts")], f"{hint}.means")

    def gate(self, x, g, hint):
        if not self.standard:
            return self.own("Gate", [x, g], hint)
        g = self.node("HardSigmoid", [g], f"{hint}.sigmoid", alpha=1 / 6, beta=0.5)
        return self.node("Mul", [x, g], hint)

    def model(self, output, classes, labels=(), about=""):
        """The checked model; @p output is a tensor [N, classes]."""
        out = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, self.name, [self.input], [out], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        if not self.standard:
            opsets.append(helper.make_opsetid("bnnaccel", 1))
        model = helper.make_model(graph, producer_name="bnnmodels", opset_imports=opsets)
        model.ir_version = 8
        helper.set_model_props(model, {k: v for k, v in (
            ("bnnaccel.labels", ",".join(labels)), ("bnnaccel.about", about)) if v})
        onnx.checker.check_model(model)
        return model
