# SPDX-License-Identifier: MIT
"""Quantisers and their gradients.

Forward values are exactly those of inference: sign(0) = +1, ties go up. Backward, a quantiser is
the identity (straight-through estimator) inside its range and 0 outside.
"""
import torch
from torch import nn
from torch.autograd import Function


class _Through(Function):
    """Value of the first argument, gradient to the second."""

    @staticmethod
    def forward(ctx, value, _):
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        return None, grad


def through(value, x):
    """@p value, differentiated as if it were x."""
    return _Through.apply(value.detach(), x)


def signs(x):
    """+1 where x >= 0, else -1, without gradient."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def sign(x, bound=1.0):
    """sign(x); the gradient passes where |x| <= bound."""
    return through(signs(x), x.clamp(-bound, bound))


def sign_weight(w):
    """sign(w) of latent weights; the gradient passes everywhere."""
    return through(signs(w), w)


def nearest(x):
    """floor(x + 1/2); the gradient passes."""
    return through(torch.floor(x + 0.5), x)


def odd(x, bits):
    """FracBNN's quantiser (arXiv 2012.12206, section 3): x in [-1, 1] to n bits.

    Codes q = floor((x + 1)*(2^n - 1)/2 + 1/2), values (2q - (2^n - 1))/(2^n - 1): 0 is none of
    them. Returns values and codes.
    """
    top = 2**bits - 1
    inside = x.clamp(-1, 1)
    codes = torch.floor((inside.detach() + 1) * (top / 2) + 0.5)
    return through((2 * codes - top) / top, inside), codes


def power_of_two(x):
    """x rounded to sign(x) * 2^round(log2 |x|); the gradient passes."""
    size = x.detach().abs().clamp_min(2.0**-30)
    return through(signs(x) * torch.exp2(torch.floor(torch.log2(size) + 0.5)), x)


def symmetric_weight(w, bits):
    """PokeBNN's weights of 4 and 8 bits: codes -K..K, K = 2^(n-1) - 1, one step max|w|/K per
    output channel. Returns codes (differentiated as w/step) and steps [outputs]."""
    top = 2**(bits - 1) - 1
    step = w.detach().abs().flatten(1).amax(1).clamp_min(1e-8) / top
    shape = (-1,) + (1,) * (w.dim() - 1)
    return nearest(w / step.view(shape)), step


class Bound(nn.Module):
    """Quantiser of activations with a calibrated bound: the running mean of the batch's largest
    magnitude, one per tensor, kept in the checkpoint."""

    def __init__(self, bits, unsigned=False, momentum=0.05):
        super().__init__()
        self.bits, self.unsigned, self.momentum = bits, unsigned, momentum
        self.register_buffer("bound", torch.tensor(1.0))
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, x):
        """Returns codes (differentiated as x/step) and the step."""
        if self.training:
            seen = x.detach().abs().max().clamp_min(1e-3)
            self.batches += 1  # at first the mean of all
            self.bound += (seen - self.bound) * max(self.momentum, 1 / int(self.batches))
        if self.unsigned:  # the largest code not above x
            step = self.bound / 2**self.bits
            inside = x.clamp_min(0).minimum(self.bound) / step
            return through(torch.floor(inside.detach()).clamp_max(2**self.bits - 1), inside), step
        top = 2**(self.bits - 1) - 1
        step = self.bound / top
        return nearest((x / step).clamp(-top, top)), step


class Normalise(nn.BatchNorm2d):
    """Batch norm that also gives itself as x*scale + offset."""

    def folded(self):
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale


def channels(vector):
    """[c] as [1, c, 1, 1]."""
    return vector.view(1, -1, 1, 1)
