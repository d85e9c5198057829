# SPDX-License-Identifier: MIT
"""Tiled bit networks (arXiv 2407.12075): the weights of a layer are one tile of signs, repeated p
times with a scale for each repetition. Activations are real, with ReLU."""
import torch
import torch.nn.functional as F
from torch import nn

from .quant import Normalise, through


class Tiled(nn.Module):
    """Latent weights [outputs, ...] to tiled ones: with N weights in the order of the array, the
    tile of q = N/p signs is +1 where the sum over the p segments is greater than 0, else -1;
    segment i has scale mean|latent| of the segment (or of all, with one scale)."""

    def __init__(self, shape, p, one_scale=False):
        super().__init__()
        count = torch.Size(shape).numel()
        if count % p:
            raise ValueError(f"{count} weights cannot be {p} repetitions of a tile")
        self.latent = nn.Parameter(torch.randn(shape) * (2 * shape[0] / count)**0.5)
        self.p, self.one_scale = p, one_scale

    def segments(self):
        return self.latent.view(self.p, -1)

    def tile(self):
        return torch.where(self.segments().detach().sum(0) > 0, 1.0, -1.0).to(self.latent.dtype)

    def scale(self):
        """[p]; with one scale p equal ones."""
        size = self.segments().abs()
        return size.mean().expand(self.p) if self.one_scale else size.mean(1)

    def weight(self):
        segments = self.segments()
        shared = segments.sum(0, keepdim=True).expand_as(segments)
        bits = through(self.tile().expand_as(segments), shared)
        return (bits * self.scale()[:, None]).view_as(self.latent)


class TiledConv(Tiled):
    def __init__(self, inputs, outputs, kernel, p, stride=1):
        super().__init__((outputs, inputs, kernel, kernel), p)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x):
        return F.conv2d(x, self.weight(), None, self.stride, self.padding)


class TiledLinear(Tiled):
    """Dense layer over channels; x is n x inputs x ... (of up to 4 dimensions)."""

    def __init__(self, inputs, outputs, p, bias=False):
        super().__init__((outputs, inputs), p)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def as_conv(self):
        """The same weights as a 1x1 convolution without bias."""
        conv = TiledConv(self.latent.shape[1], self.latent.shape[0], 1, self.p).to(self.latent.dtype)
        conv.latent.data = self.latent.data[:, :, None, None]
        return conv

    def forward(self, x):
        shape = x.shape
        x = F.conv2d(x.reshape(shape[0], shape[1], -1, 1), self.weight()[:, :, None, None], self.bias)
        return x.reshape(shape[0], -1, *shape[2:])


class Block(nn.Module):
    """ResNet's basic block: ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x)), a 1x1 convolution
    with batch norm as shortcut where the size changes."""

    def __init__(self, inputs, outputs, stride, p):
        super().__init__()
        self.conv1, self.bn1 = TiledConv(inputs, outputs, 3, p, stride), Normalise(outputs)
        self.conv2, self.bn2 = TiledConv(outputs, outputs, 3, p), Normalise(outputs)
        self.down = None
        if inputs != outputs:
            self.down, self.down_bn = TiledConv(inputs, outputs, 1, p, stride), Normalise(outputs)

    def forward(self, x):
        short = self.down_bn(self.down(x)) if self.down else x
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + short)


class ResNet(nn.Module):
    """Input: bytes as numbers 0..255, n x 3 x size x size. Output: classes. Stem and last layer
    are of one bit without repetition (p = 1)."""

    def __init__(self, widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2), p=(4, 4, 4, 4), classes=1000,
                 imagenet=True, stem_stride=1):
        super().__init__()
        self.stem = TiledConv(3, widths[0], 7 if imagenet else 3, 1,
                              2 if imagenet else stem_stride)
        self.bn, self.pool = Normalise(widths[0]), imagenet
        body, inputs = [], widths[0]
        for stage, outputs in enumerate(widths):
            for i in range(blocks[stage]):
                body.append(Block(inputs, outputs, 2 if stage and not i else 1, p[stage]))
                inputs = outputs
        self.blocks, self.fc = nn.Sequential(*body), TiledLinear(inputs, classes, 1, bias=True)

    def forward(self, image):
        x = F.relu(self.bn(self.stem((image - 128) / 64)))
        x = F.max_pool2d(x, 3, 2, 1) if self.pool else x
        return self.fc(self.blocks(x).mean((2, 3)))


class Mixer(nn.Module):
    """MLP-Mixer with tiled dense layers: patches become tokens; blocks mix tokens, then channels,
    with LayerNorm in front and GELU between two dense layers."""

    def __init__(self, size=32, patch=4, width=128, depth=6, tokens=64, hidden=256, p=4, classes=10):
        super().__init__()
        count = (size // patch)**2
        self.stem = nn.Conv2d(3, width, patch, patch)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * depth + 1))
        self.token = nn.ModuleList(self.mlp(count, tokens, p) for _ in range(depth))
        self.channel = nn.ModuleList(self.mlp(width, hidden, p) for _ in range(depth))
        self.fc = TiledLinear(width, classes, 1, bias=True)

    @staticmethod
    def mlp(width, hidden, p):
        return nn.Sequential(TiledLinear(width, hidden, p, True), nn.GELU(),
                             TiledLinear(hidden, width, p, True))

    def forward(self, image):
        x = self.stem((image - 128) / 64).flatten(2).transpose(1, 2)  # n x tokens x channels
        for i, (token, channel) in enumerate(zip(self.token, self.channel)):
            x = x + token(self.norms[2 * i](x))
            x = x + channel(self.norms[2 * i + 1](x).transpose(1, 2)).transpose(1, 2)
        return self.fc(self.norms[-1](x).mean(1))


class MLP(nn.Module):
    """784-128-10 as the paper's microcontroller example: no biases, pixel/255 as input."""

    def __init__(self, inputs=784, hidden=128, classes=10, p=4):
        super().__init__()
        self.fc1, self.fc2 = TiledLinear(inputs, hidden, p), TiledLinear(hidden, classes, 1)

    def forward(self, image):
        return self.fc2(F.relu(self.fc1(image.flatten(1) / 255)))


def cifar(widths=(32, 64, 128), blocks=(1, 1, 1), p=(4, 4, 4), classes=10):
    """A small ResNet for 32x32 pixels, which its stem halves."""
    return ResNet(widths, blocks, p, classes, imagenet=False, stem_stride=2)


def resnet18(classes=1000, imagenet=True, p=(4, 4, 4, 4)):
    return ResNet(classes=classes, imagenet=imagenet, p=p)
