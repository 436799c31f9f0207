"""The guide's own tokenizer: pieces of words with scores, bytes for what has no piece, as llama.cpp
reads them (tokenizer.ggml.model "llama"). A blank is the mark ▁ in front of what follows. encode()
joins neighbours as llama.cpp does: always the two whose piece has the best score, the left first.

No piece holds letters beside anything else but the mark, so words can be encoded one by one."""

import collections
import heapq
import json
import re

MARK = "\u2581"
MARKS = ["<unk>", "<s>", "</s>", "<|user|>", "<|guide|>"]
BOS, EOS, USER, GUIDE = 1, 2, 3, 4
SIZE = 2048
FIRST_BYTE = len(MARKS)
PART = re.compile(rf"{MARK}?[A-Za-z]+|{MARK}?[^A-Za-z{MARK}]|{MARK}")
WORST = -1e6


class Tokenizer:
    def __init__(self, pieces):
        """pieces: those that are joined from others, the first to be joined first."""
        single = [MARK] + [chr(c) for c in range(33, 127)]
        self.pieces = MARKS + [f"<0x{b:02X}>" for b in range(256)] + single + pieces
        plain = len(MARKS) + 256
        self.scores = [0.0] * plain + [WORST] * len(single) + [-float(i) for i in range(len(pieces))]
        self.kinds = [2, 3, 3, 3, 3] + [6] * 256 + [1] * (len(self.pieces) - plain)
        self.ids = {p: i for i, p in enumerate(self.pieces) if i >= plain}
        self.known = {}

    def encode(self, text, before=" "):
        """As llama.cpp does where a text follows a mark or begins: a blank is put in front of it."""
        ids = []
        for part in PART.findall((before + text).replace(" ", MARK)):
            if part not in self.known:
                self.known[part] = self.joined(part)
            ids += self.known[part]
        return ids

    def joined(self, part):
        symbols = list(part)
        after, alive, heap = list(range(1, len(symbols) + 1)), [True] * len(symbols), []
        before = list(range(-1, len(symbols) - 1))

        def offer(left, right):
            if left >= 0 and right < len(symbols):
                whole = symbols[left] + symbols[right]
                if whole in self.ids:
                    heapq.heappush(heap, (-self.scores[self.ids[whole]], left, right, whole))

        for i in range(len(symbols) - 1):
            offer(i, i + 1)
        while heap:
            _, left, right, whole = heapq.heappop(heap)
            if not alive[left] or not alive[right] or symbols[left] + symbols[right] != whole:
                continue
            symbols[left], alive[right] = whole, False
            after[left] = after[right]
            if after[left] < len(symbols):
                before[after[left]] = left
            offer(before[left], left)
            offer(left, after[left])
        ids = []
        for symbol, lives in zip(symbols, alive):
            if lives:
                ids += ([self.ids[symbol]] if symbol in self.ids
                        else [FIRST_BYTE + b for b in symbol.encode()])
        return ids

    def decode(self, ids):
        raw = b"".join(bytes([i - FIRST_BYTE]) if FIRST_BYTE <= i < FIRST_BYTE + 256
                       else self.pieces[i].replace(MARK, " ").encode() for i in ids if i >= FIRST_BYTE)
        return raw.decode(errors="replace").removeprefix(" ")

    def save(self, path):
        path.write_text(json.dumps(self.pieces[len(MARKS) + 256 + 95:], ensure_ascii=False))


def load(path):
    return Tokenizer(json.loads(path.read_text()))


def make(texts, size=SIZE):
    """From texts, by joining the commonest pair of neighbours again and again."""
    counts = collections.Counter(p for t in texts for p in PART.findall((" " + t).replace(" ", MARK)))
    words = [(list(w), n) for w, n in sorted(counts.items()) if len(w) > 1 and w.isascii() or w[0] == MARK]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += n
            where[pair].add(i)
    pieces = []
    while len(pieces) < size - len(MARKS) - 256 - 95 and pairs:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            break
        pieces.append(best[0] + best[1])
        for i in where.pop(best):
            symbols, n = words[i]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= n
                if pairs[pair] <= 0:
                    del pairs[pair]
            at, merged = 0, []
            while at < len(symbols):
                if tuple(symbols[at:at + 2]) == best:
                    merged.append(best[0] + best[1])
                    at += 2
                else:
                    merged.append(symbols[at])
                    at += 1
            words[i] = (merged, n)
            for pair in zip(merged, merged[1:]):
                pairs[pair] += n
                where[pair].add(i)
        pairs.pop(best, None)
    return Tokenizer(pieces)
