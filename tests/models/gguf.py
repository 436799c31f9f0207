"""Writing GGUF version 3: metadata, tensors whose rows come from pools of random blocks, files in
parts. Only what the tests' models need; numbers are little-endian as in the format."""

import array
import random
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64 = range(11)
ALIGNMENT = 32
PACKED = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q"}
POOL_BLOCKS = 65537  # prime: no two rows of a tensor begin at the same block


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def plain(kind, value):
    return text(value) if kind == TEXT else struct.pack(PACKED[kind], value)


def pair(key, kind, value):
    """One entry of the metadata; kind is a number, or (LIST, kind of the items)."""
    if isinstance(kind, tuple):
        items = b"".join(plain(kind[1], v) for v in value)
        return text(key) + struct.pack("<IIQ", LIST, kind[1], len(value)) + items
    return text(key) + struct.pack("<I", kind) + plain(kind, value)


# --- kinds of numbers -----------------------------------------------------------------------------


class Kind:
    """A tensor's type: so many values a block, so many bytes. Those that the tests compute with
    can make a pool of random blocks and rows with one value in them."""

    def __init__(self, number, values, size, file_type=0):
        self.number, self.values, self.size, self.file_type = number, values, size, file_type

    def bytes_of(self, n):
        return n // self.values * self.size


class Float(Kind):
    def __init__(self, number, size, letter, file_type):
        super().__init__(number, 1, size, file_type)
        self.letter = letter

    def pool(self, std, rng):
        return struct.pack(f"<{POOL_BLOCKS}{self.letter}", *(rng.gauss(0, std) for _ in range(POOL_BLOCKS)))

    def first(self, value, n):
        return struct.pack(f"<{self.letter}", value) + bytes((n - 1) * self.size)

    def raise_first(self, row, std):
        row[:self.size] = struct.pack(f"<{self.letter}", 1.5 * std)


class Q4(Kind):
    """32 values of 4 bits, less 8, times one scale; byte i holds value i and value i + 16."""

    def __init__(self):
        super().__init__(2, 32, 18, 2)

    def pool(self, std, rng):
        return scaled_blocks(self, std / 4.61, rng)

    def first(self, value, n):
        scale = value / -8 if value < 0 else value / 7
        block = struct.pack("<e", scale) + bytes([0x80 if value < 0 else 0x8f]) + b"\x88" * 15
        return block + bytes(self.bytes_of(n) - self.size)

    def raise_first(self, row, std):
        row[2] |= 0x0f


class Q8(Kind):
    """32 signed bytes, times one scale."""

    def __init__(self):
        super().__init__(8, 32, 34, 7)

    def pool(self, std, rng):
        return scaled_blocks(self, std / 73.9, rng)

    def first(self, value, n):
        block = struct.pack("<e", abs(value) / 127) + struct.pack("<b", 127 if value > 0 else -127)
        return block + bytes(self.bytes_of(n) - 3)

    def raise_first(self, row, std):
        row[2] = 111


def scaled_blocks(kind, scale, rng):
    pool = bytearray(rng.randbytes(POOL_BLOCKS * kind.size))
    for at in range(0, len(pool), kind.size):
        pool[at:at + 2] = struct.pack("<e", scale * (0.9 + 0.2 * pool[at] / 255))
    return bytes(pool)


KINDS = {
    "F32": Float(0, 4, "f", 0), "F16": Float(1, 2, "e", 1), "Q4_0": Q4(), "Q8_0": Q8(),
    "Q4_K": Kind(12, 256, 144, 15), "Q6_K": Kind(14, 256, 210, 18),
}


# --- tensors --------------------------------------------------------------------------------------


class Tensor:
    """shape: values a row first. fill: "ones", "zeros", or the standard deviation of its values.
    rows: {row number: its first value; the rest of that row is 0}. raised: the first value of
    every row is above all others and the same."""

    def __init__(self, name, shape, kind="F32", fill=0.02, rows=None, raised=False):
        self.name, self.shape, self.kind = name, shape, KINDS[kind]
        self.fill, self.rows, self.raised = fill, rows or {}, raised

    @property
    def count(self):
        n = 1
        for size in self.shape:
            n *= size
        return n

    @property
    def size(self):
        return self.kind.bytes_of(self.count)

    def info(self, offset):
        return (text(self.name) + struct.pack("<I", len(self.shape))
                + b"".join(struct.pack("<Q", n) for n in self.shape)
                + struct.pack("<IQ", self.kind.number, offset))

    def write(self, file, pools):
        if self.fill in ("ones", "zeros"):
            file.write(array.array("f", [1.0 if self.fill == "ones" else 0.0] * self.count).tobytes())
        elif self.raised or self.rows:
            self.write_rows(file, pools(self.kind, self.fill))
        else:
            pool, left = pools(self.kind, self.fill), self.size
            while left > 0:
                file.write(pool[:left])
                left -= len(pool)

    def write_rows(self, file, pool):
        n = self.shape[0]
        size = self.kind.bytes_of(n)
        long = memoryview(pool * (size // len(pool) + 2))
        for row in range(self.count // n):
            if row in self.rows:
                file.write(self.kind.first(self.rows[row], n) if self.rows[row] else bytes(size))
                continue
            at = row * size % len(pool)
            if self.raised:
                raised = bytearray(long[at:at + size])
                self.kind.raise_first(raised, self.fill)
                file.write(raised)
            else:
                file.write(long[at:at + size])


class Pools:
    """Random blocks, made once for each kind and deviation."""

    def __init__(self, seed):
        self.seed, self.made = seed, {}

    def __call__(self, kind, std):
        key = (kind.number, std)
        if key not in self.made:
            self.made[key] = kind.pool(std, random.Random(f"{self.seed} {key}"))
        return self.made[key]


def padded(n):
    return -n % ALIGNMENT


def write(path, pairs, tensors, seed=1, sparse=False):
    """One file. sparse: its data is a hole, for programs that only read what stands before it."""
    infos, offset = [], 0
    for t in tensors:
        infos.append(t.info(offset))
        offset += t.size + padded(t.size)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(infos)
    pools = Pools(seed)
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(head + bytes(padded(len(head))))
        if sparse:
            file.truncate(len(head) + padded(len(head)) + offset)
            return
        for t in tensors:
            t.write(file, pools)
            file.write(bytes(padded(t.size)))


def write_parts(paths, pairs, tensors, seed=1):
    """The same in several files: the metadata in the first, the tensors in turn."""
    share = -(-len(tensors) // len(paths))
    for i, path in enumerate(paths):
        split = [pair("split.no", U16, i), pair("split.count", U16, len(paths)),
                 pair("split.tensors.count", I32, len(tensors))]
        write(path, (pairs if i == 0 else []) + split, tensors[i * share:(i + 1) * share], seed)
