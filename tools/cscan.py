"""A small reader of C: tokens, and from them the functions, structs and file-scope variables.

It knows comments, strings and preprocessor lines, and matches brackets; it does not expand macros.
That is enough for code that clang-format laid out and two compilers accept: broken C may be
misread here, but it does not get this far."""

import collections
import re

Token = collections.namedtuple("Token", "kind text line")
# kind: id num str chr op pp comment; `line` is where the token starts
Function = collections.namedtuple("Function", "name line end params body static")
Struct = collections.namedtuple("Struct", "name line fields")
Variable = collections.namedtuple("Variable", "name line")

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+|\\\n)
      | (?P<newline>\n)
      | (?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<str>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
      | (?P<chr>[uUL]?'(?:[^'\\\n]|\\.)*')
      | (?P<id>[A-Za-z_]\w*)
      | (?P<num>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<op>->|\+\+|--|<<=|>>=|\.\.\.|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\#\#|.)""",
    re.X | re.S)
DIRECTIVE = re.compile(r"[ \t]*#(?:\\\n|/\*.*?\*/|[^\n])*", re.S)
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


def tokens(text):
    """All tokens; a preprocessor directive with its continued lines is one token of kind pp."""
    out, at, line, fresh = [], 0, 1, True
    while at < len(text):
        found = DIRECTIVE.match(text, at) if fresh else None
        kind = "pp" if found else None
        if not found:
            found = TOKEN.match(text, at)
            kind = found.lastgroup
        word = found.group()
        if kind not in ("space", "newline"):
            out.append(Token(kind, word, line))
        fresh = kind == "newline" or (fresh and kind in ("space", "comment"))
        line += word.count("\n")
        at = found.end()
    return out


def code(toks):
    """Without comments and preprocessor lines."""
    return [t for t in toks if t.kind not in ("comment", "pp")]


def closing(toks, i):
    """The index of the bracket that closes the one at i (the last token if nothing does)."""
    depth = 0
    for j in range(i, len(toks)):
        if toks[j].kind == "op":
            if toks[j].text in OPEN:
                depth += 1
            elif toks[j].text in CLOSE:
                depth -= 1
                if depth == 0:
                    return j
    return len(toks) - 1


def split(toks, mark):
    """Split at `mark` where no bracket is open."""
    parts, depth = [[]], 0
    for t in toks:
        if t.kind == "op":
            depth += (t.text in OPEN) - (t.text in CLOSE)
            if t.text == mark and depth == 0:
                parts.append([])
                continue
        parts[-1].append(t)
    return parts


def is_function_head(head):
    """Do these tokens, which stand before a `{`, begin a function?"""
    if not head or head[-1].text != ")" or any(t.text == "=" for t in head):
        return False
    return not (head[0].text in ("struct", "union", "enum") and head[1].text == "__attribute__")


def items(toks):
    """What stands at file scope, in order: (head, body), where body is None for a declaration (its
    head then holds all tokens up to the `;`) and the tokens between the braces for a function."""
    i, start = 0, 0
    while i < len(toks):
        t = toks[i]
        if t.text in ("(", "[") and t.kind == "op":
            i = closing(toks, i)
        elif t.text == "{" and t.kind == "op":
            end = closing(toks, i)
            head = toks[start:i]
            if is_function_head(head):
                yield head, toks[i:end + 1]
                start = end + 1
            i = end
        elif t.text == ";" and t.kind == "op":
            if i > start:
                yield toks[start:i], None
            start = i + 1
        i += 1


def params_of(group):
    """The parameters between the brackets of `group` (brackets included), as lists of tokens."""
    parts = [p for p in split(group[1:-1], ",") if p]
    return [] if len(parts) == 1 and [t.text for t in parts[0]] == ["void"] else parts


def functions(toks):
    """The functions that a file defines. `body` holds the tokens with both braces."""
    out = []
    for head, body in items(code(toks)):
        if body is None:
            continue
        # Attributes stand before the name, so the last bracket group holds the parameters.
        opens = [i for i, t in enumerate(head) if t.text == "(" and t.kind == "op"]
        at = next(i for i in opens if closing(head, i) == len(head) - 1)
        name = head[at - 1].text if at else "?"
        out.append(Function(name, head[0].line, body[-1].line, params_of(head[at:]), body,
                            any(t.text == "static" for t in head[:at])))
    return out


def count_fields(body):
    """Fields between the braces of a struct; those of a nameless inner struct count as its own."""
    total = 0
    for field in split(body[1:-1], ";"):
        if not field:
            continue
        parts = split(field, ",")
        brace = next((i for i, t in enumerate(field) if t.text == "{" and t.kind == "op"), None)
        if brace is not None and closing(field, brace) == len(field) - 1:
            total += count_fields(field[brace:])
        else:
            total += len(parts)
    return total


def structs(toks):
    """Every struct and union that a file defines, nested ones too."""
    out, toks = [], code(toks)
    for i, t in enumerate(toks):
        if t.text not in ("struct", "union") or t.kind != "id":
            continue
        at = i + 1
        name = "(nameless)"
        if at < len(toks) and toks[at].kind == "id":
            name, at = toks[at].text, at + 1
        if at < len(toks) and toks[at].text == "{":
            out.append(Struct(name, t.line, count_fields(toks[at:closing(toks, at) + 1])))
    return out


def strip(decl):
    """Without attributes and array sizes, and each brace group reduced to its opening brace."""
    out, i = [], 0
    while i < len(decl):
        if decl[i].text in ("__attribute__", "_Alignas", "alignas") and i + 1 < len(decl):
            i = closing(decl, i + 1)
        elif decl[i].text in ("{", "[") and decl[i].kind == "op":
            if decl[i].text == "{":
                out.append(decl[i])
            i = closing(decl, i)
        else:
            out.append(decl[i])
        i += 1
    return out


def mutable(decl):
    """The variable that this declaration (without its `;`) makes and that can change, or None."""
    decl = strip(decl)
    words = [t.text for t in decl]
    if not decl or words[0] in ("typedef", "extern", "static_assert", "_Static_assert"):
        return None
    left = decl[:words.index("=")] if "=" in words else decl
    names = [t.text for t in left]
    pointer_to_function = "(" in names and names[names.index("(") + 1:][:1] == ["*"]
    if "=" not in words and "(" in names and not pointer_to_function:
        return None  # a prototype, or a macro that makes something of its own
    # Take the type away: what is left declares.
    rest = [t for t in left if t.text not in ("static", "const", "volatile", "inline", "_Atomic")]
    if rest and rest[0].text in ("struct", "union", "enum"):
        rest = rest[1:]
        if rest and rest[0].kind == "id":
            rest = rest[1:]
        if rest and rest[0].text == "{":
            rest = rest[1:]
        if not rest:
            return None
    elif rest and rest[0].text.endswith("_fn") and "*" not in names:
        return None  # a function declared by its type
    if "*" in names:
        if "const" in names[len(names) - names[::-1].index("*"):]:
            return None
    elif "const" in names:
        return None
    ids = [t.text for t in rest if t.kind == "id"]
    if pointer_to_function:
        after = left[names.index("("):]
        ids = [next((t.text for t in after if t.kind == "id"), "?")]
    return Variable(ids[-1] if ids else "?", decl[0].line)


def variables(toks):
    """The variables at file scope that can change, and the `static` ones inside functions."""
    out = []
    for head, body in items(code(toks)):
        if body is None:
            out.append(mutable(head))
            continue
        for i, t in enumerate(body):
            if t.text == "static" and t.kind == "id":
                out.append(mutable(split(body[i:], ";")[0]))
    return [v for v in out if v]
