"""The network: a Llama in JAX, small enough to be written out. Position is turned into the first
and second of each pair of values, as llama.cpp does it for this architecture. Texts end together:
shorter ones have nothing in front, which nothing sees, so only the last positions need scores."""

import jax
import jax.numpy as jnp
import numpy

LAYERS, WIDTH, HEADS, INNER = 3, 128, 4, 384
HEAD = WIDTH // HEADS
EPSILON, BASE = 1e-5, 10000.0


def fresh(size, seed):
    """Weights as they are before training; the names are those of the file."""
    rng = numpy.random.default_rng(seed)

    def matrix(out, into, gain=1.0):
        return jnp.asarray(rng.normal(0, gain / into ** 0.5, (out, into)), jnp.float32)

    deep = (2 * LAYERS) ** -0.5  # what adds to the stream begins small
    weights = {"token_embd": jnp.asarray(rng.normal(0, 0.1, (size, WIDTH)), jnp.float32),
               "output_norm": jnp.ones(WIDTH), "output": matrix(size, WIDTH, 0.5)}
    for i in range(LAYERS):
        weights.update({
            f"blk.{i}.attn_norm": jnp.ones(WIDTH), f"blk.{i}.ffn_norm": jnp.ones(WIDTH),
            f"blk.{i}.attn_q": matrix(WIDTH, WIDTH), f"blk.{i}.attn_k": matrix(WIDTH, WIDTH),
            f"blk.{i}.attn_v": matrix(WIDTH, WIDTH), f"blk.{i}.attn_output": matrix(WIDTH, WIDTH, deep),
            f"blk.{i}.ffn_gate": matrix(INNER, WIDTH), f"blk.{i}.ffn_up": matrix(INNER, WIDTH),
            f"blk.{i}.ffn_down": matrix(WIDTH, INNER, deep)})
    return weights


def norm(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPSILON) * weight


def turned(x):
    """x: batch, position, head, value."""
    angle = jnp.arange(x.shape[1])[:, None] * BASE ** (-jnp.arange(0, HEAD, 2) / HEAD)[None]
    cos, sin = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
    first, second = x[..., 0::2], x[..., 1::2]
    return jnp.stack([first * cos - second * sin, first * sin + second * cos], -1).reshape(x.shape)


def forward(w, tokens, begins, tail, key=None, drop=0.0):
    """What comes next, for the last positions. begins: where each text does. key: values are dropped
    with this chance, in training, the same ones at every position of a text."""
    batch, long = tokens.shape

    def dropped(x):
        nonlocal key
        if key is None or not drop:
            return x
        key, mine = jax.random.split(key)
        return x * (jax.random.bernoulli(mine, 1 - drop, (batch, 1, WIDTH)) / (1 - drop))

    x = dropped(w["token_embd"][tokens])
    at = jnp.arange(long)
    seen = (at[None, :] <= at[:, None]) & (at[None, None, :] >= begins[:, None, None])
    unseen = jnp.where(seen, 0.0, -1e9)[:, None]
    for i in range(LAYERS):
        part = {k.rpartition(".")[2]: v for k, v in w.items() if k.startswith(f"blk.{i}.")}
        h = norm(x, part["attn_norm"])
        q, k, v = ((h @ part[n].T).reshape(batch, long, HEADS, HEAD) for n in ("attn_q", "attn_k", "attn_v"))
        q, k = turned(q), turned(k)
        if i == LAYERS - 1:  # nobody looks at what is before
            x, q, unseen = x[:, -tail:], q[:, -tail:], unseen[:, :, -tail:]
        share = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k) * HEAD ** -0.5 + unseen, -1)
        mixed = jnp.einsum("bhqk,bkhd->bqhd", share, v).reshape(batch, -1, WIDTH)
        x = x + dropped(mixed @ part["attn_output"].T)
        h = norm(x, part["ffn_norm"])
        x = x + dropped((jax.nn.silu(h @ part["ffn_gate"].T) * (h @ part["ffn_up"].T)) @ part["ffn_down"].T)
    return norm(x, w["output_norm"]) @ w["output"].T


def guess(w, tokens, begins):
    """Which answer it is, from the words alone, without their order: what the embedding is made by
    before anything else, since that costs next to nothing."""
    real = jnp.arange(tokens.shape[1])[None] >= begins[:, None]
    mean = (w["token_embd"][tokens] * real[..., None]).sum(1) / real.sum(1, keepdims=True) ** 0.5
    return mean @ w["guess"].T
