#!/usr/bin/env python3
"""export.py FOLDER [FILE]: what train.py left in FOLDER becomes hearth-guide.gguf, Q8_0.

The chat template hands on the last thing that the user said, in small letters, and not more of it
than the guide was trained on: it answers each question by itself, whatever was said before."""

import pathlib
import sys

import numpy

import net
import text
import tokenizer

sys.path.insert(0, str(text.HERE.parent.parent / "tests/models"))

from gguf import BOOL, F32, I32, LIST, TEXT, U32, Tensor, pair, write  # noqa: E402

CONTEXT = 512
TEMPLATE = ("{% set last = namespace(text='') %}"
            "{% for message in messages %}{% if message['role'] == 'user' %}"
            "{% set last.text = message['content'] %}{% endif %}{% endfor %}"
            f"<|user|>{{{{ (last.text | replace('\\n', ' ') | trim | lower)[:{text.LONGEST}] }}}}<|guide|>")


class Made(Tensor):
    """A tensor with values of its own: blocks of 32 bytes and a scale for matrices, floats for the rest."""

    def __init__(self, name, values):
        super().__init__(name, list(values.shape[::-1]), "Q8_0" if values.ndim == 2 else "F32")
        self.values = values.astype(numpy.float32)

    def write(self, file, pools):
        if self.values.ndim == 1:
            file.write(self.values.tobytes())
            return
        blocks = self.values.reshape(-1, 32)
        scale = (abs(blocks).max(1) / 127).astype(numpy.float16)
        divisor = numpy.where(scale == 0, 1, scale).astype(numpy.float32)
        whole = numpy.clip(numpy.rint(blocks / divisor[:, None]), -127, 127).astype(numpy.int8)
        file.write(numpy.concatenate([scale.view(numpy.int8).reshape(-1, 2), whole], 1).tobytes())


def metadata(tokens):
    numbers = {"block_count": net.LAYERS, "context_length": CONTEXT, "embedding_length": net.WIDTH,
               "feed_forward_length": net.INNER, "attention.head_count": net.HEADS,
               "attention.head_count_kv": net.HEADS, "rope.dimension_count": net.HEAD,
               "vocab_size": len(tokens.pieces)}
    return [
        pair("general.architecture", TEXT, "llama"), pair("general.name", TEXT, "hearth-guide"),
        pair("general.description", TEXT, "answers questions about hearth, and nothing else"),
        pair("general.license", TEXT, "apache-2.0"), pair("general.file_type", U32, 7),
        pair("general.quantization_version", U32, 2), pair("general.sampling.temp", F32, 0.0),
        *(pair(f"llama.{k}", U32, v) for k, v in numbers.items()),
        pair("llama.attention.layer_norm_rms_epsilon", F32, net.EPSILON),
        pair("llama.rope.freq_base", F32, net.BASE),
        pair("tokenizer.ggml.model", TEXT, "llama"), pair("tokenizer.ggml.pre", TEXT, "default"),
        pair("tokenizer.ggml.tokens", (LIST, TEXT), tokens.pieces),
        pair("tokenizer.ggml.scores", (LIST, F32), tokens.scores),
        pair("tokenizer.ggml.token_type", (LIST, I32), tokens.kinds),
        pair("tokenizer.ggml.bos_token_id", U32, tokenizer.BOS), pair("tokenizer.ggml.eos_token_id", U32, tokenizer.EOS),
        pair("tokenizer.ggml.unknown_token_id", U32, 0), pair("tokenizer.ggml.add_bos_token", BOOL, True),
        pair("tokenizer.ggml.add_eos_token", BOOL, False), pair("tokenizer.ggml.add_space_prefix", BOOL, True),
        pair("tokenizer.chat_template", TEXT, TEMPLATE)]


def export(folder, path):
    weights = numpy.load(folder / "weights.npz")
    tokens = tokenizer.load(folder / "tokenizer.json")
    write(path, metadata(tokens), [Made(k + ".weight", weights[k]) for k in weights])


def main():
    path = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else text.HERE / "hearth-guide.gguf"
    export(pathlib.Path(sys.argv[1]), path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
