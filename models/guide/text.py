"""The text of the guide: answers from docs/answers, questions from questions.txt and unrelated.txt,
what is held out of the training, and how a phrasing becomes one of many questions.

A held-out line is held out whole, with all its variants: it is never seen while training, nor used
to make the tokenizer. Which ones they are is drawn, not chosen; see held_out()."""

import dataclasses
import pathlib
import random
import re

HERE = pathlib.Path(__file__).resolve().parent
ANSWERS = HERE.parent.parent / "docs/answers"
REFUSAL = "something-else"
LONGEST = 200  # letters of a question that are read; the chat template cuts there

FRAMES = """how do i {}; how can i {}; how to {}; i want to {}; what is the command to {}; please {}; {}; {}; tell me how to {}
can you {}; i need to {}; what do i type to {}; is there a command to {}; can i {}; help me {}; show me how to {}
i'd like to {}; could you tell me how to {}; what's the best way to {}; trying to {}; how do you {}; is it possible to {}
how should i {}; command to {}; i am trying to {}; i would like to {}; let me {}; explain how to {}"""
HELD_FRAMES = """what must i do to {}; how does one {}; where do i {}; which command lets me {}; my aim is to {}
any way to {}; would you show me how i can {}"""
BEFORE = ["hi, ", "hey, ", "hello, ", "hello! ", "please: ", "question: ", "so, ", "ok, ", "sorry, ", "one more thing: ",
          "quick question: ", "i am on debian. ", "i use a laptop. ", "sorry for the stupid question, ", "and ", "now ",
          "just wondering, ", "good morning. ", "dear assistant, ", "i am a beginner. "]
AFTER = [" please", " thanks", ", please", ", thank you", " again", " exactly", " now", " here", " on this machine",
         " on my computer", " today", " quickly", " then", " as a normal user"]
ABOUT = ["{}", "{}", "what about {}", "tell me about {}", "how does {} work", "a question about {}", "something with {}",
         "{} problem", "i need {}", "where is {}", "is there {}", "what is {}", "use {}", "how do i use {}"]
AROUND = ["i use debian 12 on an old laptop", "my machine has 16 gb of memory", "i have read the readme but did not find it",
          "my friend told me to ask you", "it worked yesterday", "i am not very good with computers", "i tried several things",
          "i come from another program", "we are a small team", "i am in a hurry", "this is for my home office",
          "the machine stands in the cellar", "i am not root here", "nobody else uses this computer", "it is the first time",
          "i have a desktop with two screens", "please keep it short", "do not explain too much", "i searched for an hour",
          "there was something about it in the documentation", "my english is not so good", "i hope this is the right place",
          "it is late and i want to finish", "i have done this before but forgot how"]
IDLE = set("""able again all already are asked before does down else end from have help here line listed made move never next
next off once only open other out place quick run same send since starting tell text there type used want where why with
yet yourself question back in on up this that what which who when your you all error exist restrict separate""".split())
SYNONYMS = {word: others.split("|") for word, others in (pair.split("=") for pair in """
show=display|print;list=enumerate|show;remove=delete|drop;delete=remove|erase;get=obtain;big=large|huge
large=big|huge;fast=quick;change=alter|adjust|modify;set=define|specify;use=work with|employ;find=locate
find out=discover|learn;machine=computer|pc|box|host;computer=machine|pc|laptop;program=app|application|tool
error=message|problem;mend=fix|repair|solve;make=create;several=multiple|many|some;settings=options|preferences
model=llm;models=llms;start=launch|begin;stop=halt|end;see=view|look at|check;answer=reply|response
answers=replies|responses;ask=query;question=query;folder=directory;browser=web browser;put=place;know=understand
another=a different|some other;need=require;way=method;does not=doesn't;do not=don't;is not=isn't;cannot=can't
what is=what's;at once=simultaneously;keep=hold|retain;open=bring up;work=function;allow=permit;let=allow
check=test|examine|verify;quickly=fast;reach=access;connect=hook up|link;update=upgrade;install=set up
everything=all;give=provide;app=application|program;apps=applications|programs;terminal=console|shell
file=document;explain=describe|clarify;best=ideal;learn=study;buy=purchase;write=compose;good=decent|nice
why=how come;wrong=broken;own=personal;new=fresh;little=small;little=tiny;quick=short;look at=inspect
""".strip().replace("\n", ";").split(";"))}


@dataclasses.dataclass(frozen=True)
class Answer:
    name: str
    title: str
    words: str
    commands: tuple  # beginnings of commands that the answer has to hold
    holds: tuple  # words that it has to hold
    text: str  # its first paragraph: what the guide says

    @property
    def spoken(self):
        return commands_in(self.text)


def commands_in(text):
    """Every command in back ticks, whole: {"hearth up --detach", …}."""
    found = set()
    for span in re.findall(r"`([^`]*)`", text):
        at = re.search(r"(?<![\w./-])hearth(?![\w./-])", span)
        if at:
            found.add(" ".join(re.split(r"[)\"]*$", span[at.start():])[0].split()))
    return found


def read_answer(path):
    front, body = path.read_text(encoding="utf-8").removeprefix("---\n").split("\n---\n", 1)
    said = dict(line.split(": ", 1) for line in front.splitlines())
    title, _, rest = body.strip().partition("\n\n")
    several = {k: tuple(v.strip() for v in said[k].split(",")) for k in ("commands", "holds")}
    return Answer(said["answer"], title.removeprefix("# "), said["words"], several["commands"], several["holds"],
                  " ".join(rest.split("\n\n")[0].split()))


def answers():
    return {a.name: a for a in map(read_answer, sorted(ANSWERS.glob("*.md")))}


def is_right(answer, said):
    """Does this text answer the question? It holds what the answer's page lists, and no command
    that is not the page's own."""
    spoken = commands_in(said)
    return (all(any(c == k or c.startswith(k + " ") for c in spoken) for k in answer.commands)
            and spoken <= answer.spoken and all(k.lower() in said.lower() for k in answer.holds))


# --- phrasings ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Line:
    section: str
    frame: bool  # it is put into frames
    text: str


def read_lines(name):
    """(lists, lines, held-out sections) of a file of phrasings."""
    lists, lines, held, section = {}, [], set(), ""
    for text in (HERE / name).read_text(encoding="utf-8").splitlines():
        if text.startswith("["):
            section = text.strip("[!]")
            if text.startswith("[!"):
                held.add(section)
        elif text[:2] in ("- ", "? "):
            lines.append(Line(section, text[0] == "-", text[2:]))
        elif re.match(r"\w+: ", text):
            key, words = text.split(": ", 1)
            lists[key] = words.split(", ")
    return lists, lines, held


def pseudo(rng):
    return "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice(["a", "e", "i", "o", "u", "ou", "ar", "en"])
                   for _ in range(rng.choice([1, 2, 2, 3])))


def filled(text, lists, rng):
    """One of the variants of a phrasing."""
    while "{" in text or "<" in text:
        text = re.sub(r"\{([^{}]*)\}", lambda m: rng.choice(m[1].split("|")), text)
        text = re.sub(r"<(\w+)>", lambda m: pseudo(rng) if m[1] == "pseudo" else rng.choice(lists[m[1]]), text)
    return " ".join(text.split())


def variants(text, lists):
    """All of them, but for words that are made up."""
    hit = re.search(r"\{([^{}]*)\}|<(\w+)>", text)
    if not hit:
        return [" ".join(text.split())]
    words = hit[1].split("|") if hit[1] is not None else [] if hit[2] == "pseudo" else lists[hit[2]]
    return [v for w in words for v in variants(text[:hit.start()] + w + text[hit.end():], lists)]


def framed(line, lists, rng, frames):
    text = filled(line.text, lists, rng)
    if line.frame:
        text = rng.choice(frames).format(text)
    return text


def all_frames(text):
    return [f.strip() for row in text.splitlines() for f in row.split(";")]


def typo(word, rng):
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1:]
    if kind == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1:]


def varied(text, rng):
    """The same said a little differently: other words, something before or after, typos, marks."""
    if rng.random() < 0.4:
        for word, others in SYNONYMS.items():
            if word in text and rng.random() < 0.35:
                text = re.sub(rf"\b{word}\b", rng.choice(others), text, count=1)
    if rng.random() < 0.25:
        text = rng.choice(BEFORE) + text
    if rng.random() < 0.2:
        text += rng.choice(AFTER)
    if rng.random() < 0.2:
        words = text.split(" ")
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(len(words))
            if len(words[at]) > 3 and words[at].isalpha():
                words[at] = typo(words[at], rng)
        text = " ".join(words)
    if rng.random() < 0.2:
        words = text.split(" ")
        if len(words) > 4:
            del words[rng.randrange(len(words))]
        text = " ".join(words)
    return text + rng.choice(["?", "?", "", "", "", ".", "!", "??"])


class Text:
    """All phrasings, divided into what is trained and what is held out."""

    def __init__(self):
        self.answers = answers()
        self.lists, lines, _ = read_lines("questions.txt")
        self.topics, other, held = read_lines("unrelated.txt")
        self.frames, self.held_frames = all_frames(FRAMES), all_frames(HELD_FRAMES)
        sections = {}
        for line in lines:
            sections.setdefault(line.section, []).append(line)
        assert set(sections) == set(self.answers) - {REFUSAL}, set(sections) ^ set(self.answers)
        self.trained, self.held = {}, []
        for name, mine in sections.items():
            drawn = set(random.Random(f"held out of {name}").sample(mine, round(len(mine) / 5)))
            self.trained[name] = [ln for ln in mine if ln not in drawn]
            self.held += [ln for ln in mine if ln in drawn]
        # Words of one page's front lines that no other page has.
        listed = [w for a in self.answers.values() for w in set(a.words.split())]
        self.own = {n: sorted({w for w in a.words.split() if listed.count(w) == 1 and len(w) > 2 and w not in IDLE})
                    for n, a in self.answers.items()}
        self.other = {}
        for line in other:
            if line.section not in held:
                self.other.setdefault(line.section, []).append(line)
        self.refused = [line.text for line in other if line.section in held]

    def sample(self, rng):
        """A question to train on, in lower case, and the name of its answer."""
        if rng.random() < 0.65:
            name = rng.choice(list(self.trained))
            text = self.of_page(name, rng)
            at = rng.random()
            if at < 0.12 and "hearth" not in text:
                text = rng.choice(["{} in hearth", "{} with hearth", "hearth: {}", "hey hearth, {}"]).format(text)
        else:
            name = REFUSAL
            text = framed(rng.choice(self.other[rng.choice(list(self.other))]), self.topics, rng, self.frames)
            if rng.random() < 0.06:
                text = rng.choice(["hearth, {}", "hey hearth, {}", "hi hearth! {}"]).format(text)
        return varied(text, rng).lower()[:LONGEST], name

    def sample_long(self, rng):
        """The same with much around it: a question about hearth among sentences that say little,
        several other questions, or a lot of nothing."""
        kind = rng.random()
        if kind < 0.4:
            name, parts = rng.choice(list(self.trained)), rng.sample(AROUND, rng.choice([1, 2, 3]))
            parts.insert(rng.choice([0, len(parts)]), self.of_page(name, rng))
        elif kind < 0.7:
            name, parts = REFUSAL, [framed(rng.choice(self.other[rng.choice(list(self.other))]), self.topics, rng, self.frames)
                                    for _ in range(rng.choice([2, 3, 4, 5]))]
        else:
            unit = rng.choice([pseudo(rng), rng.choice("abcdefghijklmnopqrstuvwxyz0123456789.-"), "", ""])
            made = unit * 60 if unit else rng.choice(["", " "]).join(
                rng.choice([pseudo(rng), rng.choice("abcdefghijklmnopqrstuvwxyz"), str(rng.randrange(1000))]) for _ in range(40))
            name, parts = REFUSAL, [made[:rng.randrange(20, LONGEST)]]
        return rng.choice([". ", ". ", "? ", ", ", " "]).join(parts).lower()[:LONGEST], name

    def of_page(self, name, rng):
        """Mostly a phrasing; else the page's title, or some of the words of its front lines."""
        kind = rng.random()
        if kind < 0.05:
            return self.answers[name].title.strip("?")
        if kind < 0.2 and self.own[name]:
            words = {rng.choice(self.own[name]), *rng.sample(self.answers[name].words.split(), rng.choice([0, 0, 1, 2]))}
            return rng.choice(ABOUT).format(" ".join(rng.sample(sorted(words), len(words))))
        return framed(rng.choice(self.trained[name]), self.lists, rng, self.frames)

    def paraphrases(self):
        """What is judged: each held-out line twice, once in a frame that was trained and once in one
        that was not; whole questions plainly, then with words around them. What a trained line may
        turn into word for word is left out. (question, answer)"""
        asked, known = [], self.said_in_training()
        for line in self.held:
            rng, listed = random.Random(f"asked {line.section} {line.text}"), set(self.answers[line.section].words.split())
            for kind in range(2):
                plain = said = filled(line.text, self.lists, rng)
                if line.frame:
                    said = rng.choice(self.held_frames if kind else self.frames).format(plain)
                if {plain, said} & known or set(plain.split()) <= listed:
                    continue
                if kind and not line.frame:
                    said = rng.choice(BEFORE) + said + rng.choice(["", *AFTER])
                said = (said if kind else said[0].upper() + said[1:]) + rng.choice(["?", "?", ""])
                asked.append((said, line.section))
        return asked

    def said_in_training(self):
        """Each trained line in all its variants, as it is and in all trained frames; titles, words."""
        known = {a.title.strip("?").lower() for a in self.answers.values()}
        known |= {f.format(w) for words in self.own.values() for w in words for f in ABOUT}
        for line in (ln for lines in self.trained.values() for ln in lines):
            for said in variants(line.text, self.lists):
                known.update(f.format(said) for f in (self.frames if line.frame else ["{}"]))
        return known
