# SPDX-License-Identifier: MIT
"""Which opcodes, field values and formats a set of commands has used, and which it should."""

import spec

PLANES = [f for f in spec.FORMATS.values() if f.planes]
PACKED = [f for f in spec.FORMATS.values() if f.n and not f.planes]


def _names(formats):
    return {f.name for f in formats}


# Formats that are legal in each role (docs/arithmetic.md, sections 6, 8, 12).
_RESIDUAL = {"E_O4", "E_U8", "E_S8", "E_S16"}
_PIPE = {"OUTP": _names(PLANES), "OUTS": _names(PACKED), "RES1": _RESIDUAL, "RES2": _RESIDUAL}
_ALL = _names(PLANES + PACKED)
ROLES = {
    "ENC": {"OUT": _names(f for f in PLANES + PACKED if f.n <= 8)},
    "CONV": {"IN": _ALL - {"E_U16", "E_S32"}, **_PIPE},
    "EW": {"IN": _ALL, **_PIPE},
    "POOL": {"IN": {"B1", "E_S8", "E_U8", "E_S16", "E_S32"}},
    "TRANSPOSE": {"IN": _names(f for f in PACKED if f.n >= 8)},
    "AGGREGATE": {"IN": {"B1", "E_S8", "E_S16"}},
}
# Fields with few values, all of which should have occurred.
_FEW = 8


class Coverage:
    def __init__(self):
        self.commands = 0
        self.counts = {}  # (command, what, value) -> times
        self.pairs = set()  # (IN format, weight format, weight mode) of CONV

    def _count(self, *key):
        self.counts[key] = self.counts.get(key, 0) + 1

    def add(self, node):
        c = spec.Fields(node.words)
        self.commands += 1
        self._count(c.command, "opcode", c.command)
        for f in c.fields.values():
            if f.high - f.low < _FEW:
                self._count(c.command, f.name, getattr(c, f.name))
        for role in ROLES.get(c.command, ()):
            fmt = c.format(role)
            if fmt:
                self._count(c.command, role, fmt.name)
        if c.command == "CONV":
            weight = spec.WEIGHT_FORMATS[c.WFORMAT].name
            self._count("CONV", "weights in mode %d" % c.WMODE, weight)
            self.pairs.add((c.format("IN").name, weight, c.WMODE))

    def _wanted(self):
        for command in spec.COMMANDS.values():
            if command.name == "END":  # a file has none
                continue
            yield command.name, "opcode", command.name
            for f in command.fields.values():
                if f.high - f.low < _FEW:
                    for value in range(f.low, f.high + 1):
                        yield command.name, f.name, value
            for role, formats in ROLES.get(command.name, {}).items():
                for name in formats:
                    yield command.name, role, name
        for fmt in spec.WEIGHT_FORMATS.values():
            for mode in range(4):
                if mode < 3 or fmt.name == "B1":
                    yield "CONV", "weights in mode %d" % mode, fmt.name

    def missing(self):
        return ["%s, %s %s" % key for key in self._wanted() if key not in self.counts]

    def summary(self):
        """Lines that say how often the commands ran."""
        wanted = set(self._wanted())
        yield "commands: " + ", ".join(
            "%d %s" % (n, key[0]) for key, n in sorted(self.counts.items(), key=str) if key[1] == "opcode"
        )
        yield "%d of %d values of flags, modes, formats" % (len(wanted & set(self.counts)), len(wanted))
        inputs, modes = len(ROLES["CONV"]["IN"]), 3 * len(spec.WEIGHT_FORMATS) + 1
        yield "CONV: %d of %d (input format, weight format, weight mode)" % (len(self.pairs), inputs * modes)
