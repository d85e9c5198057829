# SPDX-License-Identifier: MIT
"""A&B BNN (arXiv 2403.03739): no batch norm, slopes that are powers of two, so that hidden layers
need additions and bit operations only - but for one scale per output channel, which is a real
number (as in the paper) or, with pow2, a power of two as well."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from .quant import channels, nearest, power_of_two, sign, signs, through

ALPHA = 0.25  # what each block adds to its shortcut
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ScaledConv(nn.Module):
    """Real weights, standardised per filter: gain*(w - mean)/(std*sqrt(fan in)). For the stem."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        # the size of latent weights changes nothing but how fast they learn
        self.latent = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) * 0.1)
        self.gain = nn.Parameter(torch.ones(outputs))
        self.stride, self.padding = stride, kernel // 2

    def standard(self):
        w = self.latent
        std, mean = torch.std_mean(w, (1, 2, 3), unbiased=False, keepdim=True)
        return (w - mean) / (std + 1e-5) / math.sqrt(w[0].numel())

    def weight(self):
        return self.standard() * self.gain.view(-1, 1, 1, 1)

    def forward(self, x):
        return F.conv2d(x, self.weight(), None, self.stride, self.padding)


class SignConv(ScaledConv):
    """Weights scale*sign(w - mean), scale = gain * mean|standardised w| per filter.

    The input is signs, or, for the shortcut of half the size, real numbers."""

    def __init__(self, inputs, outputs, kernel, stride=1, pow2=False, real=False):
        super().__init__(inputs, outputs, kernel, stride)
        self.pow2, self.real = pow2, real

    def scale(self):
        scale = self.gain * self.standard().abs().mean((1, 2, 3))
        return power_of_two(scale) if self.pow2 else scale

    def signs(self):
        return signs(self.latent - self.latent.mean((1, 2, 3), keepdim=True))

    def forward(self, x):
        weight = self.standard()
        conv = F.conv2d(x, through(self.signs(), weight * math.sqrt(weight[0].numel())), None,
                        self.stride, self.padding)
        return conv * channels(self.scale())


class QRPReLU(nn.Module):
    """u = x + m1; (u >= 0 ? u : u*2^k) + m2, k whole. Latent exponents move `speed` times faster
    than other parameters would: k has to change by whole steps to change at all."""

    speed = 8.0

    def __init__(self, count):
        super().__init__()
        self.m1 = nn.Parameter(torch.zeros(count))
        self.m2 = nn.Parameter(torch.zeros(count))
        self.latent = nn.Parameter(torch.full((count,), -3 / self.speed))

    def exponent(self):
        return nearest(self.latent * self.speed).clamp(-31, 15)

    def forward(self, x):
        u = x + channels(self.m1)
        return torch.where(u >= 0, u, u * channels(torch.exp2(self.exponent()))) + channels(self.m2)


class Activation(nn.Module):
    """sign(x + t). In training it sees beta*(x + t), beta = 1/sqrt(expected variance)."""

    def __init__(self, count, variance):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(count))
        self.beta = 1 / math.sqrt(variance)

    def threshold(self):
        return self.bias / self.beta

    def forward(self, x):
        return sign(self.beta * (x + channels(self.threshold())), 1.2)


class Block(nn.Module):
    """QRPReLU(ALPHA*conv(sign(x + t)) + shortcut(x)).

    Shortcut: x; where the size is halved, 2x2 averages, and with `down` a 1x1 convolution with
    weights of one bit of these. `parts` convolutions with one shortcut each are concatenated
    (ReActNet-A's widening 1x1), which is one convolution and a repeated shortcut."""

    def __init__(self, inputs, outputs, kernel, stride, variance, pow2=False, down=False, parts=1):
        super().__init__()
        self.act = Activation(inputs, variance)
        self.conv = SignConv(inputs, outputs, kernel, stride, pow2)
        self.down = SignConv(inputs, outputs, 1, 1, pow2, real=True) if down else None
        if down:  # averages are smaller than what they are taken of
            nn.init.constant_(self.down.gain, 2)
        self.bend = QRPReLU(outputs)
        self.stride, self.parts = stride, parts

    def shortcut(self, x):
        x = F.avg_pool2d(x, 2) if self.stride == 2 else x
        x = self.down(x) if self.down else x
        return torch.cat([x] * self.parts, 1)

    def forward(self, x):
        return self.bend(ALPHA * self.conv(self.act(x)) + self.shortcut(x))


class ABBNN(nn.Module):
    """Input: bytes as numbers 0..255, n x 3 x size x size; normalised here. Output: classes."""

    def __init__(self, stem, pool, blocks, features, classes):
        super().__init__()
        self.register_buffer("mean", channels(torch.tensor(MEAN)))
        self.register_buffer("std", channels(torch.tensor(STD)))
        self.stem, self.blocks = stem, nn.Sequential(*blocks)
        self.pool = pool
        self.fc = nn.Linear(features, classes)

    def forward(self, image):
        x = self.stem((image / 255 - self.mean) / self.std)
        x = F.max_pool2d(x, 3, 2, 1) if self.pool else x
        return self.fc(self.blocks(x).mean((2, 3)))


def reactnet(layers=(4, 4, 4, 4), widths=(64, 128, 256, 512), classes=1000, pow2=False,
             imagenet=True, stem_stride=1):
    """ReActNet-18; with layers (6, 8, 12, 6) ReActNet-34. One convolution per block. ImageNet's
    stem is 7x7 of stride 2 and a 3x3 maximum, that of 32x32 pixels 3x3 (stride 1 in the paper)."""
    stem = ScaledConv(3, widths[0], 7, 2) if imagenet else ScaledConv(3, widths[0], 3, stem_stride)
    blocks, inputs, variance = [], widths[0], 1.0
    for stage, (count, outputs) in enumerate(zip(layers, widths)):
        for i in range(count):
            half = stage and not i
            blocks.append(Block(inputs, outputs, 3, 2 if half else 1, variance, pow2, bool(half)))
            variance = 1.0 + ALPHA**2 if half else variance + ALPHA**2
            inputs = outputs
    return ABBNN(stem, imagenet, blocks, inputs, classes)


def reactnet_a(classes=1000, pow2=False, imagenet=True):
    """ReActNet-A, MobileNet's shape: 3x3 with as many outputs as inputs, then 1x1."""
    widths = [32, 64] + [128] * 2 + [256] * 2 + [512] * 6 + [1024] * 2
    halved = [False] * 2 + [True, False] * 2 + [True] + [False] * 5 + [True, False]
    blocks, variance = [], 1.0
    for inputs, outputs, half in zip(widths, widths[1:], halved[1:]):
        blocks.append(Block(inputs, inputs, 3, 2 if half else 1, variance, pow2))
        variance = 1.0 + ALPHA**2 if half else variance + ALPHA**2
        blocks.append(Block(inputs, outputs, 1, 1, variance, pow2, parts=outputs // inputs))
        variance += ALPHA**2
    return ABBNN(ScaledConv(3, 32, 3, 2 if imagenet else 1), False, blocks, 1024, classes)
