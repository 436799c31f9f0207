#!/usr/bin/env python3
"""make_test_models.py [--list] [NAME...]: writes models for tests into build/models and
prints where they are. The weights are random, but the files are right: engines load them and answer
with readable nonsense that goes on until max_tokens. A file's name holds a hash of its recipe, so
one that is there is never made again. Used as a module: path_of(NAME)."""

import dataclasses
import hashlib
import os
import pathlib
import sys
import tempfile

from gguf import BOOL, F32, I32, LIST, TEXT, U32, Tensor, pair, write, write_parts

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FORMAT = 1  # goes up when the same recipe gives another file
END = 2  # the token that ends a text
PIECE = "\u2581"  # stands for a blank in vocabularies
CHAT = ("{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}")
# One that knows tools: llama.cpp finds out from it how a call begins and ends, and makes a grammar of that.
CALLS, CALLS_END = "<tool_calls>", "</tool_calls>"
CHAT_TOOLS = """{%- if tools %}<|im_start|>system
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif %}{%- for message in messages %}{%- if message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content or '' }}{%- if message.tool_calls %}<tool_calls>[{% for call in message.tool_calls %}
{{- ', ' if not loop.first }}{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
{%- endfor %}]</tool_calls>{% endif %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
CALL_WEIGHT, END_WEIGHT = 5.0, 4.0  # of a model that calls: it begins a call, or ends, once in so many words
WORDS = """the a of and to in is that for with as on be at by this from or an it are was but not have had
    one time year people way day man thing woman life child world school state family student group country
    problem hand part place case week company system program question work number night point home water room
    mother area money story fact month lot right study book eye job word business issue side kind head house
    service friend father power hour game line end member law car city name president team minute idea kid
    body back parent face others level office door health person art war history party result change morning
    reason research girl guy moment air teacher force education""".split()


@dataclasses.dataclass(frozen=True)
class Recipe:
    family: str = "llama"  # llama, llama-fim (marks of a gap), llama-calls (tools), bert, or a shape of SHAPES
    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    inner: int = 128
    vocabulary: int = 512
    context: int = 4096
    kind: str = "F32"
    pooling: int = 0  # bert: 1 mean, 2 first, 4 rank
    parts: int = 1
    damage: str = ""
    sparse: bool = False
    ends: bool = False  # llama: some of its answers end before max_tokens


TINY_LLAMA = dict(layers=22, width=2048, heads=32, kv_heads=4, inner=5632, vocabulary=32000, context=2048)
BERT = dict(family="bert", layers=2, width=64, heads=4, kv_heads=4, inner=128, context=512)
RECIPES = {
    "tiny": Recipe(),
    "tiny2": Recipe(layers=3),  # another one, where two are needed
    "tiny-long": Recipe(context=131072, ends=True),  # for agents: their prompts are long, and so is what they allow
    "tiny-q4": Recipe(kind="Q4_0", width=128, inner=256),
    "tiny-q8": Recipe(kind="Q8_0", width=128, inner=256),
    "tiny-f16": Recipe(kind="F16"),
    "small": Recipe(layers=6, width=256, heads=8, kv_heads=4, inner=704, vocabulary=2048, kind="Q8_0"),
    "tinyllama-q4": Recipe(kind="Q4_0", **TINY_LLAMA),
    "tinyllama-q8": Recipe(kind="Q8_0", **TINY_LLAMA),
    "tinyllama-f16": Recipe(kind="F16", **TINY_LLAMA),
    "fim": Recipe(family="llama-fim"),
    "calls": Recipe(family="llama-calls", context=8192),
    "embed": Recipe(pooling=1, **BERT),
    "rerank": Recipe(pooling=4, **BERT),
    "parts": Recipe(layers=4, parts=3),
    "bad-magic": Recipe(damage="magic"),
    "truncated": Recipe(damage="truncated"),
    "unknown-architecture": Recipe(damage="architecture"),
    "endless-tensors": Recipe(damage="tensors"),
    "endless-strings": Recipe(damage="strings"),
    "llama-8b": Recipe(family="llama-8b", sparse=True),
    "gemma3-4b": Recipe(family="gemma3-4b", sparse=True),
    "deepseek2-lite": Recipe(family="deepseek2-lite", sparse=True),
    "qwen3-30b-a3b": Recipe(family="qwen3-30b-a3b", sparse=True),
}
ANSWERING = [n for n, r in RECIPES.items() if not r.damage and not r.sparse]


# --- vocabularies ---------------------------------------------------------------------------------


def syllables():
    """Words without an end: all of one syllable, of two, and so on."""
    one = [c + v for c in "bdfghjklmnprstvwxyz" for v in "aeiou"]
    words = [""]
    while True:
        words = [w + s for w in words for s in one]
        yield from words


def spoken(n):
    """n different words, plain ones first."""
    words, more = list(dict.fromkeys(WORDS))[:n], syllables()
    seen = set(words)
    while len(words) < n:
        word = next(more)
        if word not in seen:
            words.append(word)
    return words


@dataclasses.dataclass
class Vocabulary:
    pairs: list
    size: int
    mute: range  # tokens that a model should never say


def sentence_pieces(size, chat=CHAT, calls=()):
    """Three marks, the 256 bytes, printable characters, words that begin with a blank, the marks of a call."""
    marks = ["<unk>", "<s>", "</s>"]
    whole = marks + [f"<0x{b:02X}>" for b in range(256)] + [PIECE] + [chr(c) for c in range(33, 127)]
    mute = range(len(whole))
    whole += [PIECE + w for w in spoken(size - len(whole) - len(calls))] + list(calls)
    kinds = [2, 3, 3] + [6] * 256 + [1] * (size - 259 - len(calls)) + [4] * len(calls)
    return Vocabulary([
        pair("tokenizer.ggml.model", TEXT, "llama"),
        pair("tokenizer.ggml.tokens", (LIST, TEXT), whole),
        pair("tokenizer.ggml.scores", (LIST, F32), [0.0] * 259 + [-float(i) for i in range(size - 259)]),
        pair("tokenizer.ggml.token_type", (LIST, I32), kinds),
        pair("tokenizer.ggml.bos_token_id", U32, 1), pair("tokenizer.ggml.eos_token_id", U32, END),
        pair("tokenizer.ggml.unknown_token_id", U32, 0), pair("tokenizer.ggml.add_bos_token", BOOL, True),
        pair("tokenizer.chat_template", TEXT, chat)], size, mute)


def word_pieces(size):
    """BERT's: marks, letters at a word's begin and within, words."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?!-'"
    whole = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [PIECE + c for c in letters] + list(letters)
    whole += [PIECE + w for w in spoken(size - len(whole) + 1) if w != "a"][:size - len(whole)]
    return Vocabulary([
        pair("tokenizer.ggml.model", TEXT, "bert"), pair("tokenizer.ggml.pre", TEXT, "default"),
        pair("tokenizer.ggml.tokens", (LIST, TEXT), whole),
        pair("tokenizer.ggml.token_type", (LIST, I32), [3] * 5 + [1] * (size - 5)),
        pair("tokenizer.ggml.token_type_count", U32, 2),
        pair("tokenizer.ggml.padding_token_id", U32, 0), pair("tokenizer.ggml.unknown_token_id", U32, 1),
        pair("tokenizer.ggml.cls_token_id", U32, 2), pair("tokenizer.ggml.bos_token_id", U32, 2),
        pair("tokenizer.ggml.seperator_token_id", U32, 3), pair("tokenizer.ggml.eos_token_id", U32, 3),
        pair("tokenizer.ggml.mask_token_id", U32, 4)], size, range(0))


# --- families that answer -------------------------------------------------------------------------


def common(r, name, architecture):
    a = architecture
    numbers = {"block_count": r.layers, "context_length": r.context, "embedding_length": r.width,
               "feed_forward_length": r.inner, "attention.head_count": r.heads}
    return [pair("general.architecture", TEXT, a), pair("general.name", TEXT, name),
            pair("general.file_type", U32, Tensor("", [1], r.kind).kind.file_type),
            *(pair(f"{a}.{k}", U32, v) for k, v in numbers.items())]


def llama(r, name):
    """Nothing writes to the first value of the stream but the embedding, where it is the largest.
    So the last norm leaves it above zero, and a row of the output with only a large negative number
    there makes a token that is never said."""
    calls = r.family == "llama-calls"
    v = sentence_pieces(r.vocabulary, CHAT_TOOLS, (CALLS, CALLS_END)) if calls else sentence_pieces(r.vocabulary)
    head = r.width // r.heads
    if r.family == "llama-fim":  # three bytes that no text has
        v.pairs += [pair(f"tokenizer.ggml.fim_{part}_token_id", U32, 3 + byte)
                    for part, byte in (("pre", 0xF8), ("suf", 0xF9), ("mid", 0xFA))]
    pairs = common(r, name, "llama") + [
        pair("llama.attention.head_count_kv", U32, r.kv_heads), pair("llama.vocab_size", U32, r.vocabulary),
        pair("llama.rope.dimension_count", U32, head), pair("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
    ] + v.pairs

    def matrix(label, columns, height, gain=1.0, **more):
        return Tensor(label, [columns, height], r.kind, gain / columns ** 0.5, **more)

    rows = {i: -32.0 for i in v.mute if not (r.ends and i == END)}
    if calls:
        rows |= {v.size - 2: CALL_WEIGHT, v.size - 1: -32.0, END: END_WEIGHT}
    tensors = [
        Tensor("token_embd.weight", [r.width, v.size], r.kind, 1.0, raised=True),
        Tensor("output_norm.weight", [r.width], fill="ones"),
        matrix("output.weight", r.width, v.size, 3.0, rows=rows),
    ]
    for i in range(r.layers):
        b = f"blk.{i}."
        tensors += [
            Tensor(b + "attn_norm.weight", [r.width], fill="ones"),
            matrix(b + "attn_q.weight", r.width, r.width),
            matrix(b + "attn_k.weight", r.width, head * r.kv_heads),
            matrix(b + "attn_v.weight", r.width, head * r.kv_heads),
            matrix(b + "attn_output.weight", r.width, r.width, 0.3, rows={0: 0}),
            Tensor(b + "ffn_norm.weight", [r.width], fill="ones"),
            matrix(b + "ffn_gate.weight", r.width, r.inner),
            matrix(b + "ffn_up.weight", r.width, r.inner),
            matrix(b + "ffn_down.weight", r.inner, r.width, 0.3, rows={0: 0}),
        ]
    return pairs, tensors


def bert(r, name):
    v = word_pieces(r.vocabulary)
    pairs = common(r, name, "bert") + [
        pair("bert.attention.layer_norm_epsilon", F32, 1e-12), pair("bert.attention.causal", BOOL, False),
        pair("bert.pooling_type", U32, r.pooling)] + v.pairs
    tensors = []

    def linear(label, columns, rows):
        tensors.append(Tensor(label + ".weight", [columns, rows], r.kind, columns ** -0.5))
        tensors.append(Tensor(label + ".bias", [rows], fill="zeros"))

    def norm(label):
        tensors.append(Tensor(label + ".weight", [r.width], fill="ones"))
        tensors.append(Tensor(label + ".bias", [r.width], fill="zeros"))

    tensors += [Tensor("token_embd.weight", [r.width, v.size], r.kind, 1.0),
                Tensor("token_types.weight", [r.width, 2], "F32", 0.1),
                Tensor("position_embd.weight", [r.width, r.context], "F32", 0.1)]
    norm("token_embd_norm")
    for i in range(r.layers):
        b = f"blk.{i}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(b + part, r.width, r.width)
        norm(b + "attn_output_norm")
        linear(b + "ffn_up", r.width, r.inner)
        linear(b + "ffn_down", r.inner, r.width)
        norm(b + "layer_output_norm")
    if r.pooling == 4:
        linear("cls", r.width, r.width)
        linear("cls.output", r.width, 1)
    return pairs, tensors


# --- shapes of large models, for estimates --------------------------------------------------------


def shape(architecture, layer, **numbers):
    return dict(architecture=architecture, layer=layer, **numbers)


def usual_attention(s):
    """Query, key, value and output of grouped attention; names with their shapes."""
    width, key, heads, kv = s["width"], s["key"], s["heads"], s["kv_heads"]
    return {"attn_norm": [width], "attn_q": [width, heads * key], "attn_k": [width, kv * key],
            "attn_v": [width, kv * key], "attn_output": [heads * key, width], "ffn_norm": [width]}


def normed_attention(s):
    return {**usual_attention(s), "attn_q_norm": [s["key"]], "attn_k_norm": [s["key"]]}


def dense(s):
    width, inner = s["width"], s["inner"]
    return {"ffn_gate": [width, inner], "ffn_up": [width, inner], "ffn_down": [inner, width]}


def experts(s):
    width, inner, n = s["width"], s["expert_inner"], s["experts"]
    return {"ffn_gate_inp": [width, n], "ffn_gate_exps": [width, inner, n], "ffn_up_exps": [width, inner, n],
            "ffn_down_exps": [inner, width, n]}


def llama_layer(s, _):
    return {**usual_attention(s), **dense(s)}


def gemma_layer(s, _):
    width = s["width"]
    return {**normed_attention(s), **dense(s), "post_attention_norm": [width], "post_ffw_norm": [width]}


def qwen_layer(s, _):
    return {**normed_attention(s), **experts(s)}


def deepseek_layer(s, number):
    width, heads, rank, rope, part, value = s["width"], s["heads"], s["rank"], 64, 128, 128
    attention = {"attn_norm": [width], "attn_q": [width, heads * (part + rope)],
                 "attn_kv_a_mqa": [width, rank + rope], "attn_kv_a_norm": [rank],
                 "attn_k_b": [part, rank, heads], "attn_v_b": [rank, value, heads],
                 "attn_output": [heads * value, width], "ffn_norm": [width]}
    if number == 0:
        return {**attention, **dense(s)}
    shared = 2 * s["expert_inner"]
    return {**attention, **experts(s), "ffn_gate_shexp": [width, shared], "ffn_up_shexp": [width, shared],
            "ffn_down_shexp": [shared, width]}


SHAPES = {
    "llama-8b": shape("llama", llama_layer, layers=32, width=4096, heads=32, kv_heads=8, key=128, inner=14336,
                      vocabulary=128256, context=131072, output=True, more={"rope.dimension_count": 128}),
    "gemma3-4b": shape("gemma3", gemma_layer, layers=34, width=2560, heads=8, kv_heads=4, key=256, inner=10240,
                       vocabulary=262144, context=131072, output=False,
                       more={"attention.sliding_window": 1024, "attention.key_length": 256,
                             "attention.value_length": 256}),
    "deepseek2-lite": shape("deepseek2", deepseek_layer, layers=27, width=2048, heads=16, kv_heads=1, rank=512,
                            inner=10944, experts=64, expert_inner=1408, vocabulary=102400, context=163840,
                            output=True,
                            more={"attention.kv_lora_rank": 512, "attention.key_length": 576,
                                  "attention.value_length": 512, "attention.key_length_mla": 192,
                                  "attention.value_length_mla": 128, "rope.dimension_count": 64,
                                  "leading_dense_block_count": 1, "expert_count": 64, "expert_used_count": 6,
                                  "expert_feed_forward_length": 1408, "expert_shared_count": 2}),
    "qwen3-30b-a3b": shape("qwen3moe", qwen_layer, layers=48, width=2048, heads=32, kv_heads=4, key=128,
                           inner=6144, experts=128, expert_inner=768, vocabulary=151936, context=40960,
                           output=True,
                           more={"attention.key_length": 128, "attention.value_length": 128,
                                 "expert_count": 128, "expert_used_count": 8,
                                 "expert_feed_forward_length": 768}),
}


def kind_of(label, dimensions):
    """As the quantiser chooses for Q4_K_M, roughly."""
    if len(dimensions) == 1 or label == "ffn_gate_inp":
        return "F32"
    if dimensions[0] % 256:
        return "Q8_0"
    return "Q6_K" if label in ("output", "token_embd") else "Q4_K"


def large(r, name):
    s = SHAPES[r.family]
    a = s["architecture"]
    base = dataclasses.replace(r, layers=s["layers"], width=s["width"], heads=s["heads"], inner=s["inner"],
                               context=s["context"], kind="Q4_K")
    pairs = common(base, name, a) + [pair(f"{a}.attention.head_count_kv", U32, s["kv_heads"]),
                                     pair(f"{a}.vocab_size", U32, s["vocabulary"]),
                                     pair(f"{a}.attention.layer_norm_rms_epsilon", F32, 1e-6)]
    pairs += [pair(f"{a}.{k}", U32, v) for k, v in s["more"].items()]
    if a == "deepseek2":
        pairs.append(pair(f"{a}.expert_weights_scale", F32, 1.0))
    ends = {"token_embd": [s["width"], s["vocabulary"]], "output_norm": [s["width"]]}
    if s["output"]:
        ends["output"] = [s["width"], s["vocabulary"]]
    tensors = [Tensor(k + ".weight", v, kind_of(k, v)) for k, v in ends.items()]
    for i in range(s["layers"]):
        tensors += [Tensor(f"blk.{i}.{k}.weight", v, kind_of(k, v)) for k, v in s["layer"](s, i).items()]
    return pairs + sentence_pieces(s["vocabulary"]).pairs, tensors


# --- making ---------------------------------------------------------------------------------------


def damage(path, how):
    """Spoils a good file in one way."""
    raw = path.read_bytes()
    spoilt = {
        "magic": lambda: b"GGML" + raw[4:],
        "truncated": lambda: raw[:len(raw) // 3],
        "architecture": lambda: raw.replace(b"\5\0\0\0\0\0\0\0llama", b"\5\0\0\0\0\0\0\0llamx", 1),
        "tensors": lambda: raw[:8] + b"\xff" * 7 + b"\x7f" + raw[16:],
        "strings": lambda: raw[:24] + b"\xff" * 7 + b"\x7f" + raw[32:],
    }[how]()
    path.write_bytes(spoilt)


def file_names(name, recipe):
    mark = hashlib.sha256(f"{FORMAT} {recipe}".encode()).hexdigest()[:12]
    if recipe.parts == 1:
        return [f"{name}-{mark}.gguf"]
    return [f"{name}-{mark}-{i + 1:05}-of-{recipe.parts:05}.gguf" for i in range(recipe.parts)]


def make(name, folder):
    """Writes the files under other names and moves them, so that a half-made one is never used."""
    r = RECIPES[name]
    names = file_names(name, r)
    if all((folder / n).exists() for n in names):
        return folder / names[0]
    folder.mkdir(parents=True, exist_ok=True)
    family = {"llama": llama, "llama-fim": llama, "llama-calls": llama, "bert": bert}.get(r.family, large)
    pairs, tensors = family(r, name)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        made = [pathlib.Path(work) / n for n in names]
        if r.parts > 1:
            write_parts(made, pairs, tensors, name)
        else:
            write(made[0], pairs, tensors, name, r.sparse)
        if r.damage:
            damage(made[0], r.damage)
        for path in reversed(made):  # the first is looked for, so it comes last
            path.chmod(0o644)
            os.replace(path, folder / path.name)
    return folder / names[0]


def path_of(name, folder=TOP / "build/models"):
    """The path of a model, which is made when it is not there; of the first part of several."""
    return make(name, folder)


def main(argv):
    if "--list" in argv:
        print("\n".join(RECIPES))
        return 0
    unknown = [n for n in argv if n not in RECIPES]
    if unknown:
        print(f"no such model: {unknown[0]}; there are: {' '.join(RECIPES)}", file=sys.stderr)
        return 2
    for name in argv or [n for n in RECIPES if not n.startswith("tinyllama")]:
        print(path_of(name))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
