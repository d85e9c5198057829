# SPDX-License-Identifier: MIT
"""Trained networks to ONNX: what inference computes, batch norms folded (in double precision)."""
from functools import singledispatch

import numpy as np
import torch

from . import abbnn, fracbnn, pokebnn, tbn
from .onnx_graph import Graph, array
from .quant import signs


@singledispatch
def write(module, g, x, hint):
    """Adds @p module, applied to tensor x, to graph g; returns the result's name."""
    raise NotImplementedError(f"{type(module).__name__} has no form in ONNX here")


def around(kernel):
    return (kernel // 2,) * 4


def behind(kernel, stride):
    """Pads of SAME on a size that the stride divides."""
    total = max(kernel - stride, 0)
    return (total // 2, total // 2, total - total // 2, total - total // 2)


def norm(module, g, x, hint):
    return g.affine(x, *module.folded(), hint)


def dense(linear, g, x, hint):
    inputs = [x, g.constant(array(linear.weight), f"{hint}.weight"),
              g.constant(array(linear.bias), f"{hint}.bias")]
    return g.node("Gemm", inputs, hint, transB=1)


def pooled(g, x):
    return g.node("Flatten", [g.mean(x)], "features", axis=1)


def sequence(modules, g, x, hint):
    for i, module in enumerate(modules):
        x = write(module, g, x, f"{hint}{i}")
    return x


# FracBNN


@write.register
def _(m: fracbnn.Half, g, x, hint):
    short = x
    if m.shortcut_bits:
        g.need_own("a shortcut of 4-bit codes")
        short = g.own("Quantise", [x], f"{hint}.short4", codes=f"odd{m.shortcut_bits}", range=1.0)
    if m.stride == 2:
        short = g.average(short, 2, 2, f"{hint}.half")
    if m.repeat > 1:
        short = g.node("Concat", [short] * m.repeat, f"{hint}.short", axis=1)
    g.need_own("FracBNN")
    y = g.own("Quantise", [x], f"{hint}.codes", codes="odd2", range=1.0)
    conv = m.conv
    y = g.gated_conv(y, signs(conv.weight), conv.threshold, f"{hint}.conv", conv.stride,
                     around(conv.weight.shape[2]))
    y = norm(m.bn1, g, y, f"{hint}.bn1")
    y = g.rprelu(y, m.act.shift_x, m.act.slope, m.act.shift_y, f"{hint}.act")
    y = g.node("Add", [y, short], f"{hint}.sum")
    return norm(m.bn2, g, y, f"{hint}.out")


@write.register
def _(m: fracbnn.FracBNN, g, x, hint):
    g.need_own("a thermometer")
    x = g.own("Thermometer", [x], "input", levels=fracbnn.LEVELS, resolution=8)
    x = g.binary_conv(x, signs(m.conv1.weight), "conv1", stride=m.conv1.stride, pads=around(3))
    x = sequence(m.halves, g, norm(m.bn1, g, x, "bn1"), "half")
    return dense(m.fc, g, pooled(g, x), "logits")


# A&B BNN


@write.register
def _(m: abbnn.Block, g, x, hint):
    y = g.sign(x, -m.act.threshold(), f"{hint}.bits")
    y = g.binary_conv(y, m.conv.signs(), f"{hint}.conv", abbnn.ALPHA * m.conv.scale(),
                      stride=m.conv.stride, pads=around(m.conv.latent.shape[2]))
    if m.stride == 2:
        x = g.average(x, 2, 2, f"{hint}.half")
    if m.down:
        x = g.binary_conv(x, m.down.signs(), f"{hint}.short", m.down.scale())
    if m.parts > 1:
        x = g.node("Concat", [x] * m.parts, f"{hint}.short", axis=1)
    y = g.node("Add", [y, x], f"{hint}.sum")
    bend = m.bend
    return g.rprelu(y, bend.m1, torch.exp2(bend.exponent()), bend.m2, f"{hint}.out")


@write.register
def _(m: abbnn.ABBNN, g, x, hint):
    x = g.node("Div", [x, g.vector(255, "bytes")], "input.scaled")
    x = g.node("Sub", [x, g.vector(m.mean, "input.mean")], "input.moved")
    x = g.node("Div", [x, g.vector(m.std, "input.std")], "input")
    x = g.conv(x, m.stem.weight(), "stem", m.stem.stride, around(m.stem.latent.shape[2]))
    if m.pool:
        x = g.node("MaxPool", [x], "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    return dense(m.fc, g, pooled(g, sequence(m.blocks, g, x, "block")), "logits")


# PokeBNN


def integer_conv(m, g, codes, step, hint, scale=1.0, offset=0.0):
    """(conv(codes)*steps + bias)*scale + offset as one affine map of whole sums."""
    weight, steps = m.weight()
    kernel = weight.shape[2]
    x = g.conv(codes, weight.detach().numpy().astype(np.int8), f"{hint}.sum", m.stride,
               behind(kernel, m.stride), m.groups)
    bias = 0.0 if m.bias is None else m.bias
    return g.affine(x, steps * step * scale, bias * scale + offset + 0 * steps, hint)


def bound(m, g, x, hint):
    """Codes and their step."""
    top = 2**m.bits - 1 if m.unsigned else 2**(m.bits - 1) - 1
    kind = f"{'unsigned' if m.unsigned else 'signed'}{m.bits}"
    return g.codes(x, kind, top, m.bound, hint), m.bound / (top + m.unsigned)


def dprelu(m, g, x, hint):
    return g.dprelu(x, m.shift_x, m.below, m.above, m.shift_y, hint)


def poke_conv(m, g, x, inputs, hint, r1=None):
    """@p r1: the bottleneck's input, its channels, and how much larger it is."""
    outputs, conv = m.outputs, m.conv
    scale, offset = m.bn.folded()
    y = g.sign(x, None, f"{hint}.bits")
    y = g.binary_conv(y, signs(conv.latent), f"{hint}.conv", conv.scale() * scale, offset, conv.stride,
                      behind(conv.kernel, conv.stride))
    y = g.node("Add", [y, g.match(x, inputs, outputs, "zero", m.stride, f"{hint}.short")], f"{hint}.add")
    if r1:
        short = g.match(r1[0], r1[1], outputs, "repeat", r1[2], f"{hint}.short1")
        y = g.node("Add", [y, short], f"{hint}.add1")
    y = dprelu(m.act, g, y, f"{hint}.act")
    q, step = bound(m.se.q1, g, g.mean(x, f"{hint}.mean"), f"{hint}.se1.codes")
    h = integer_conv(m.se.fc1, g, q, step, f"{hint}.se1")
    q, step = bound(m.se.q2, g, h, f"{hint}.se2.codes")  # codes from 0 on: the ReLU as well
    y = g.gate(y, integer_conv(m.se.fc2, g, q, step, f"{hint}.se2"), f"{hint}.gated")
    return norm(m.bn2, g, y, f"{hint}.out")


@write.register
def _(m: pokebnn.Bottleneck, g, x, hint):
    inputs, width = m.c1.conv.latent.shape[1], m.c1.outputs
    y = poke_conv(m.c1, g, x, inputs, f"{hint}.c1")
    y = poke_conv(m.c2, g, y, width, f"{hint}.c2")
    return poke_conv(m.c3, g, y, width, f"{hint}.c3", (x, inputs, m.c2.stride))


@write.register
def _(m: pokebnn.Stem, g, x, hint):
    x = g.node("Sub", [x, g.vector(128, "middle")], "input")
    x = integer_conv(m.conv1, g, x, 1 / 64, f"{hint}1", *m.bn1.folded())
    x, step = bound(m.q, g, dprelu(m.act1, g, x, f"{hint}1.act"), f"{hint}2.codes")
    x = integer_conv(m.conv2, g, x, step, f"{hint}2", *m.bn2.folded())
    return dprelu(m.act2, g, x, f"{hint}2.act")


@write.register
def _(m: pokebnn.PokeBNN, g, x, hint):
    x = sequence(m.blocks, g, write(m.stem, g, x, "stem"), "block")
    x, step = bound(m.q, g, g.mean(x), "fc.codes")
    return g.node("Flatten", [integer_conv(m.fc, g, x, step, "fc")], "logits", axis=1)


# Tiled bit networks


@write.register
def _(m: tbn.TiledConv, g, x, hint):
    return g.tiled_conv(x, m, hint, m.stride, around(m.latent.shape[2]))


@write.register
def _(m: tbn.Block, g, x, hint):
    short = norm(m.down_bn, g, write(m.down, g, x, f"{hint}.down"), f"{hint}.short") if m.down else x
    y = norm(m.bn1, g, write(m.conv1, g, x, f"{hint}.conv1"), f"{hint}.bn1")
    y = write(m.conv2, g, g.node("Relu", [y], f"{hint}.relu1"), f"{hint}.conv2")
    y = g.node("Add", [norm(m.bn2, g, y, f"{hint}.bn2"), short], f"{hint}.sum")
    return g.node("Relu", [y], f"{hint}.out")


@write.register
def _(m: tbn.ResNet, g, x, hint):
    x = g.node("Sub", [x, g.vector(128, "middle")], "input.moved")
    x = g.node("Div", [x, g.vector(64, "unit")], "input")
    x = g.node("Relu", [norm(m.bn, g, write(m.stem, g, x, "stem"), "stem.bn")], "stem.out")
    if m.pool:
        x = g.node("MaxPool", [x], "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    return g.tiled_dense(pooled(g, sequence(m.blocks, g, x, "block")), m.fc, "logits", m.fc.bias)


def mlp(layers, g, x, hint):
    """Two dense layers over the channels of x = [n, channels, pixels, 1], GELU between them."""
    for i, layer in ((1, layers[0]), (2, layers[2])):
        tiled = layer.as_conv()
        x = g.add(g.tiled_conv(x, tiled, f"{hint}.fc{i}"), layer.bias, f"{hint}.bias{i}")
        x = g.gelu(x, f"{hint}.gelu") if i == 1 else x
    return x


@write.register
def _(m: tbn.Mixer, g, x, hint):
    """Between the layers x is [n, tokens, channels]; dense layers see [n, inputs, others, 1]."""
    tokens, width = m.token[0][0].latent.shape[1], m.fc.latent.shape[1]
    x = g.node("Div", [g.node("Sub", [x, g.vector(128, "middle")], "input.moved"),
                       g.vector(64, "unit")], "input")
    x = g.conv(x, m.stem.weight, "stem", m.stem.stride[0], bias=m.stem.bias)
    x = g.transpose(g.reshape(x, [-1, width, tokens], "patches"), [0, 2, 1], "tokens")
    for i, (token, channel) in enumerate(zip(m.token, m.channel)):
        y = g.layer_norm(x, m.norms[2 * i], f"{i}.token.norm")
        y = g.reshape(y, [-1, tokens, width, 1], f"{i}.token.in")
        y = g.reshape(mlp(token, g, y, f"{i}.token"), [-1, tokens, width], f"{i}.token.out")
        x = g.node("Add", [x, y], f"{i}.token.sum")
        y = g.transpose(g.layer_norm(x, m.norms[2 * i + 1], f"{i}.channel.norm"), [0, 2, 1],
                        f"{i}.channel.turned")
        y = mlp(channel, g, g.reshape(y, [-1, width, tokens, 1], f"{i}.channel.in"), f"{i}.channel")
        y = g.transpose(g.reshape(y, [-1, width, tokens], f"{i}.channel.flat"), [0, 2, 1],
                        f"{i}.channel.out")
        x = g.node("Add", [x, y], f"{i}.channel.sum")
    x = g.node("ReduceMean", [g.layer_norm(x, m.norms[-1], "norm")], "features", axes=[1], keepdims=0)
    return g.tiled_dense(x, m.fc, "logits", m.fc.bias)


@write.register
def _(m: tbn.MLP, g, x, hint):
    x = g.node("Flatten", [g.node("Div", [x, g.vector(255, "bytes")], "input")], "pixels", axis=1)
    x = g.node("Relu", [g.tiled_dense(x, m.fc1, "fc1")], "relu")
    return g.tiled_dense(x, m.fc2, "logits")


def convert(net, name, shape, classes, labels=(), about="", standard=False):
    """ONNX model of @p net for images @p shape = (colours, rows, columns)."""
    net = net.double().eval()
    with torch.no_grad():
        g = Graph(name, shape, standard)
        model = g.model(write(net, g, g.image, ""), classes, labels, about)
    return model
