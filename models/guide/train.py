#!/usr/bin/env python3
"""train.py [--minutes N] [--seed N] FOLDER: makes the tokenizer and trains the guide, from nothing.

FOLDER gets tokenizer.json and weights.npz, the latter again and again while it trains. Every
--look steps it is tried on what is held out, as far as that can be done without the engine: is each
word of the answer the likeliest one? Nothing is chosen by that; it is only told."""

import argparse
import pathlib
import random
import time

import jax
import jax.numpy as jnp
import numpy

import net
import text
import tokenizer

BEGIN = 8  # so many tokens of an answer tell which one it is
SHAPES = {BEGIN: (24, 32), 100: (80,)}  # each length of a text is compiled by itself, so there are few
BATCH, GROUP = 128, 8  # questions a step; steps whose questions are drawn and put in order of length together
WHOLE, WHOLE_BATCH = 0.12, 40  # the share of steps that learn answers to their end, and their questions
RATE, WARM, DECAY, DROP = 2e-3, 100, 0.05, 0.1
ASKING = 0.1  # the weight of the question's own words
KEPT = 0.998  # the weights that are used are an average over the last steps


class Feed:
    """Batches of (tokens, weight of each): the user's mark, a question, the guide's mark, an answer."""

    def __init__(self, text, tokens, seed):
        self.text, self.tokens, self.rng = text, tokens, random.Random(seed)
        self.said = {n: tokens.encode(a.text) + [tokenizer.EOS] for n, a in text.answers.items()}

    def prompt(self, question):
        return [tokenizer.BOS, tokenizer.USER, *self.tokens.encode(question), tokenizer.GUIDE]

    def batch(self, pairs, most):
        rows = [(self.prompt(q), self.said[name][:most]) for q, name in pairs]
        longest = max(len(p) + len(a) for p, a in rows)
        long = next((n for n in SHAPES.get(most, ()) if n >= longest), longest)
        tokens, weight = numpy.zeros((len(rows), long), numpy.int32), numpy.zeros((len(rows), long), numpy.float32)
        for i, (p, a) in enumerate(rows):
            tokens[i, :len(p) + len(a)] = p + a
            weight[i, 2:len(p)] = ASKING
            weight[i, len(p):len(p) + len(a)] = 1
        return tokens, weight

    def group(self):
        pairs = []
        while len(pairs) < BATCH * GROUP:
            pair = self.text.sample(self.rng)
            if len(self.prompt(pair[0])) + BEGIN <= SHAPES[BEGIN][-1]:
                pairs.append(pair)
        pairs.sort(key=lambda p: len(self.prompt(p[0])))
        steps = []
        for i in range(0, len(pairs), BATCH):
            some = pairs[i:i + BATCH]
            steps.append(self.batch(self.rng.sample(some, WHOLE_BATCH), 100) if self.rng.random() < WHOLE
                         else self.batch(some, BEGIN))
        self.rng.shuffle(steps)
        return steps


def loss_of(weights, tokens, weight, key):
    scores = jax.nn.log_softmax(net.forward(weights, tokens[:, :-1], key, DROP))
    said = jnp.take_along_axis(scores, tokens[:, 1:, None], -1)[..., 0]
    return -(said * weight[:, 1:]).sum() / weight[:, 1:].sum()


@jax.jit
def step(weights, first, second, kept, tokens, weight, key, n, rate):
    """Adam with decay of the matrices, and the average that is kept."""
    loss, slope = jax.value_and_grad(loss_of)(weights, tokens, weight, key)
    size = jnp.sqrt(sum((s * s).sum() for s in slope.values()))
    slope = {k: s * jnp.minimum(1, 1 / (size + 1e-9)) for k, s in slope.items()}
    first = {k: 0.9 * first[k] + 0.1 * s for k, s in slope.items()}
    second = {k: 0.98 * second[k] + 0.02 * s * s for k, s in slope.items()}
    moved = {k: (first[k] / (1 - 0.9 ** n)) / (jnp.sqrt(second[k] / (1 - 0.98 ** n)) + 1e-8)
             + (DECAY * w if w.ndim == 2 else 0) for k, w in weights.items()}
    weights = {k: w - rate * moved[k] for k, w in weights.items()}
    share = jnp.minimum(KEPT, (n + 1) / (n + 10))
    kept = {k: share * kept[k] + (1 - share) * w for k, w in weights.items()}
    return weights, first, second, kept, loss


@jax.jit
def likeliest(weights, tokens):
    return net.forward(weights, tokens).argmax(-1)


def look(feed, weights, pairs):
    """The pairs whose answer is said in full when each word is the likeliest one."""
    good = []
    for i in range(0, len(pairs), 100):
        some = pairs[i:i + 100]
        tokens, weight = feed.batch(some, 24)
        wide = numpy.zeros((100, 80), numpy.int32)
        wide[:len(tokens), :tokens.shape[1]] = tokens
        best = numpy.asarray(likeliest(weights, wide))
        for row, pair in enumerate(some):
            at = numpy.flatnonzero(weight[row] == 1)
            if (best[row, at - 1] == tokens[row, at]).all():
                good.append(pair)
    return good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--minutes", type=float, default=40)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--look", type=int, default=200)
    arg = p.parse_args()
    arg.folder.mkdir(parents=True, exist_ok=True)
    corpus, rng = text.Text(), random.Random(arg.seed)
    tokens = tokenizer.make([corpus.sample(rng)[0] for _ in range(40000)] + [a.text for a in corpus.answers.values()] * 100)
    tokens.save(arg.folder / "tokenizer.json")
    feed = Feed(corpus, tokens, arg.seed)
    held = [(q.lower(), name) for q, name in corpus.paraphrases()]
    refused = [(q.lower(), text.REFUSAL) for q in corpus.refused]
    weights = net.fresh(len(tokens.pieces), arg.seed)
    print(f"{sum(w.size for w in weights.values())} weights, {len(tokens.pieces)} pieces, {len(held)} paraphrases, "
          f"{len(refused)} refusals held out", flush=True)
    first = {k: jnp.zeros_like(w) for k, w in weights.items()}
    second, kept, key = first, weights, jax.random.PRNGKey(arg.seed)
    began, steps, losses = time.monotonic(), [], []
    n, done = 0, 0.0  # done: the share of the time
    while done < 1:
        n, done = n + 1, min(1.0, (time.monotonic() - began) / 60 / arg.minutes)
        steps = steps or feed.group()
        key, mine = jax.random.split(key)
        rate = RATE * min(n / WARM, 0.5 + 0.5 * float(numpy.cos(numpy.pi * done)) + 0.02)
        weights, first, second, kept, loss = step(weights, first, second, kept, *steps.pop(), mine, n, rate)
        losses.append(loss)
        if n % arg.look == 0 or done >= 1:
            good, no = look(feed, kept, held), look(feed, kept, refused)
            print(f"step {n}  {time.monotonic() - began:.0f} s  loss {float(numpy.mean(losses)):.4f}  "
                  f"paraphrases {100 * len(good) / len(held):.1f} %  refusals {100 * len(no) / len(refused):.1f} %", flush=True)
            losses = []
            numpy.savez(arg.folder / "weights.npz", **{k: numpy.asarray(w) for k, w in kept.items()})


if __name__ == "__main__":
    main()
