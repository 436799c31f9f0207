#!/usr/bin/env python3
"""train.py [--minutes N] [--seed N] [--go-on] FOLDER: makes the tokenizer and trains the guide, from
nothing; with --go-on from what is in FOLDER, in small steps.

FOLDER gets tokenizer.json and weights.npz, the latter again and again while it trains. Every
--look steps it is tried on what is held out, as far as that can be done without the engine: is each
word of the answer the likeliest one? Nothing is chosen by that; it is only told."""

import argparse
import functools
import pathlib
import random
import time

import jax
import jax.numpy as jnp
import numpy

import net
import text
import tokenizer

BEGIN, WHOLE = 8, 60  # so many tokens of an answer tell which one it is; so many have the longest
SHAPES = {BEGIN: (24, 32, 104), WHOLE: (84, 156), 24: (56,)}  # each length of a text is compiled by itself, so there are few
BATCH, GROUP = 128, 8  # questions a step; steps whose questions are drawn and put in order of length together
WHOLE_SHARE, WHOLE_BATCH = 0.12, 40  # the share of steps that learn answers to their end, and their questions
LONG_BATCH = 24  # of a group's two steps with questions that have much around them
RATE, WARM, DECAY, DROP = 2e-3, 100, 0.05, 0.1
KEPT = 0.998  # the weights that are used are an average over the last steps
GUESS_STEPS, GUESS_BATCH, GUESS_RATE = 1500, 512, 1e-2


class Feed:
    """Batches of texts: the user's mark, a question, the guide's mark, an answer."""

    def __init__(self, text, tokens, seed):
        self.text, self.tokens, self.rng = text, tokens, random.Random(seed)
        self.said = {n: tokens.encode(a.text, "") + [tokenizer.EOS] for n, a in text.answers.items()}

    def prompt(self, question):
        return [tokenizer.BOS, tokenizer.USER, *self.tokens.encode(question), tokenizer.GUIDE]

    def batch(self, pairs, most):
        """(tokens, where each text begins, how many of them are the answer's): texts end together."""
        rows = [(self.prompt(q), (self.said[name] + [0] * most)[:most]) for q, name in pairs]
        longest = max(len(p) for p, _ in rows) + most
        long = next((n for n in SHAPES[most] if n >= longest), longest)
        tokens = numpy.zeros((len(rows), long), numpy.int32)
        begins = numpy.array([long - most - len(p) for p, _ in rows], numpy.int32)
        for row, at, (p, a) in zip(tokens, begins, rows):
            row[at:] = p + a
        return tokens, begins, most

    def group(self):
        pairs = []
        while len(pairs) < BATCH * GROUP:
            pair = self.text.sample(self.rng)
            if len(self.prompt(pair[0])) + BEGIN <= SHAPES[BEGIN][1]:
                pairs.append(pair)
        pairs.sort(key=lambda p: len(self.prompt(p[0])))
        steps = []
        for i in range(0, len(pairs), BATCH):
            some = pairs[i:i + BATCH]
            steps.append(self.batch(self.rng.sample(some, WHOLE_BATCH), WHOLE) if self.rng.random() < WHOLE_SHARE
                         else self.batch(some, BEGIN))
        most = SHAPES[BEGIN][2] - BEGIN
        long = [p for p in (self.text.sample_long(self.rng) for _ in range(3 * LONG_BATCH)) if len(self.prompt(p[0])) <= most]
        for some in (BEGIN, WHOLE):
            steps.append(self.batch((self.rng.sample(long, len(long)) * 3)[:LONG_BATCH - 1] + [self.filler(most)], some))
        self.rng.shuffle(steps)
        return steps

    def filler(self, most):
        """A question of just the length that decides the shape."""
        question = "a"
        while len(self.prompt(question + " a")) <= most:
            question += " a"
        return question, text.REFUSAL


def loss_of(weights, tokens, begins, most, key):
    scores = jax.nn.log_softmax(net.forward(weights, tokens[:, :-1], begins, most, key, DROP))
    answer = tokens[:, -most:]
    said = jnp.take_along_axis(scores, answer[..., None], -1)[..., 0]
    real = answer != 0
    return -(said * real).sum() / real.sum()


def moved(weights, slope, first, second, n, rate):
    """Adam with decay of the matrices."""
    size = jnp.sqrt(sum((s * s).sum() for s in slope.values()))
    slope = {k: s * jnp.minimum(1, 1 / (size + 1e-9)) for k, s in slope.items()}
    first = {k: 0.9 * first[k] + 0.1 * s for k, s in slope.items()}
    second = {k: 0.98 * second[k] + 0.02 * s * s for k, s in slope.items()}
    way = {k: (first[k] / (1 - 0.9 ** n)) / (jnp.sqrt(second[k] / (1 - 0.98 ** n)) + 1e-8)
           + (DECAY * w if w.ndim == 2 else 0) for k, w in weights.items()}
    return {k: w - rate * way[k] for k, w in weights.items()}, first, second


@functools.partial(jax.jit, static_argnames="most")
def step(weights, first, second, kept, tokens, begins, most, key, n, rate):
    loss, slope = jax.value_and_grad(loss_of)(weights, tokens, begins, most, key)
    weights, first, second = moved(weights, slope, first, second, n, rate)
    share = jnp.minimum(KEPT, (n + 1) / (n + 10))
    return weights, first, second, {k: share * kept[k] + (1 - share) * w for k, w in weights.items()}, loss


@jax.jit
def guess_step(weights, first, second, tokens, begins, answer, n, rate):
    def loss_of(w):
        return -jnp.take_along_axis(jax.nn.log_softmax(net.guess(w, tokens, begins)), answer[:, None], -1).mean()
    loss, slope = jax.value_and_grad(loss_of)(weights)
    return *moved(weights, slope, first, second, n, rate), loss


def first_embedding(feed, weights, seed):
    """What the words alone say about the answer becomes the embedding."""
    names = list(feed.said)
    w = {"token_embd": weights["token_embd"],
         "guess": jnp.asarray(numpy.random.default_rng(seed).normal(0, 0.1, (len(names), net.WIDTH)), jnp.float32)}
    first = second = {k: jnp.zeros_like(v) for k, v in w.items()}
    for n in range(1, GUESS_STEPS + 1):
        tokens, begins = numpy.zeros((GUESS_BATCH, 24), numpy.int32), numpy.zeros(GUESS_BATCH, numpy.int32)
        answer = numpy.zeros(GUESS_BATCH, numpy.int32)
        for i in range(GUESS_BATCH):
            question, name = feed.text.sample(feed.rng)
            ids = [t for t in feed.tokens.encode(question)[:24] if feed.rng.random() > 0.1] or [0]
            tokens[i, 24 - len(ids):], begins[i], answer[i] = ids, 24 - len(ids), names.index(name)
        w, first, second, loss = guess_step(w, first, second, tokens, begins, answer, n, GUESS_RATE * (1 - n / GUESS_STEPS))
        if n % 500 == 0:
            print(f"words alone: step {n}  loss {float(loss):.3f}", flush=True)
    size = jnp.sqrt((w["token_embd"] ** 2).mean())
    return {**weights, "token_embd": w["token_embd"] / size * 0.3}


@jax.jit
def likeliest(weights, tokens, begins):
    return net.forward(weights, tokens, begins, 25).argmax(-1)


def look(feed, weights, pairs):
    """The pairs whose answer's beginning is said when each word is the likeliest one."""
    good = []
    for i in range(0, len(pairs), 100):
        some = pairs[i:i + 100]
        tokens, begins, most = feed.batch((some * 100)[:100], 24)
        best = numpy.asarray(likeliest(weights, tokens, begins))[:, :-1]
        answer = tokens[:, -most:]
        fits = ((best == answer) | (answer == 0)).all(1)
        good += [pair for pair, fit in zip(some, fits) if fit]
    return good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--minutes", type=float, default=40)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--go-on", action="store_true")
    p.add_argument("--look", type=int, default=200)
    arg = p.parse_args()
    arg.folder.mkdir(parents=True, exist_ok=True)
    corpus, rng = text.Text(), random.Random(arg.seed)
    if arg.go_on:
        tokens = tokenizer.load(arg.folder / "tokenizer.json")
    else:
        tokens = tokenizer.make([corpus.sample(rng)[0] for _ in range(40000)] + [a.text for a in corpus.answers.values()] * 100)
        tokens.save(arg.folder / "tokenizer.json")
    feed = Feed(corpus, tokens, arg.seed)
    held = [(q.lower(), name) for q, name in corpus.paraphrases()]
    refused = [(q.lower(), text.REFUSAL) for q in corpus.refused]
    began = time.monotonic()
    if arg.go_on:
        weights = {k: jnp.asarray(w) for k, w in numpy.load(arg.folder / "weights.npz").items()}
    else:
        weights = first_embedding(feed, net.fresh(len(tokens.pieces), arg.seed), arg.seed)
    print(f"{sum(w.size for w in weights.values())} weights, {len(tokens.pieces)} pieces, {len(held)} paraphrases, "
          f"{len(refused)} refusals held out", flush=True)
    first = {k: jnp.zeros_like(w) for k, w in weights.items()}
    second, kept, key = first, weights, jax.random.PRNGKey(arg.seed)
    steps, losses = [], []
    n, done = 0, 0.0  # done: the share of the time
    while done < 1:
        n, done = n + 1, min(1.0, (time.monotonic() - began) / 60 / arg.minutes)
        steps = steps or feed.group()
        key, mine = jax.random.split(key)
        rate = (RATE / 5 if arg.go_on else RATE) * min(n / WARM, 0.5 + 0.5 * float(numpy.cos(numpy.pi * done)) + 0.02)
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
