"""Judges values against the types of an SDK, more strictly than the SDK does: for each line of JSON
[TYPE, [VALUE, ...], [ALLOWED, ...]] it writes the list of what is wrong, as a line of JSON.

TYPE is a name as `openai.types.chat.ChatCompletion`. Wrong is a required field that is missing, a
value of another type, and a field that the type does not know, unless its name is ALLOWED."""

import datetime
import importlib
import json
import sys
import types
import typing

import pydantic


def find(name):
    module, _, member = name.rpartition(".")
    return getattr(importlib.import_module(module), member)


def judge_model(model, value, where, allowed):
    if not isinstance(value, dict):
        return [f"{where}: no object but {value!r}"]
    wrong, known = [], set()
    for name, field in model.model_fields.items():
        name = field.alias or name
        known.add(name)
        if name in value:
            wrong += judge(field.annotation, value[name], f"{where}.{name}", allowed)
        elif field.is_required():
            wrong.append(f"{where}: {name} is missing")
    return wrong + [f"{where}: {name} is not known to {model.__name__}"
                    for name in value if name not in known and name not in allowed]


def judge_union(options, value, where, allowed):
    """Of several types the one that fits best; a discriminator is a literal as any other."""
    if value is None and type(None) in options:
        return []
    judged = [judge(o, value, where, allowed) for o in options if o is not type(None)]
    return min(judged, key=lambda wrong: (sum("but" in w for w in wrong), len(wrong)))


def is_plain(kind, value):
    if kind is datetime.datetime:
        try:
            return isinstance(value, str) and bool(pydantic.TypeAdapter(kind).validate_python(value))
        except pydantic.ValidationError:
            return False
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def judge(kind, value, where, allowed):
    if isinstance(kind, getattr(typing, "TypeAliasType", ())):
        kind = kind.__value__
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return judge(args[0], value, where, allowed)
    if origin in (typing.Union, types.UnionType):
        return judge_union(args, value, where, allowed)
    if origin is typing.Literal:
        return [] if value in args else [f"{where}: not one of {args} but {value!r}"]
    if kind in (typing.Any, object):
        return []
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        return judge_model(kind, value, where, allowed)
    plain = origin if isinstance(origin, type) else kind
    if isinstance(plain, type) and not issubclass(plain, (int, float, str, datetime.datetime)):
        plain = dict if issubclass(plain, typing.Mapping) else list
    elif plain is not bool and issubclass(plain, int):
        plain = int
    if not is_plain(plain, value):
        return [f"{where}: no {plain.__name__} but {value!r}"]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [w for key, part in parts for w in (judge(args[-1], part, f"{where}[{key}]", allowed) if args else [])]


def main():
    for line in sys.stdin:
        name, values, allowed = json.loads(line)
        kind, short = find(name), name.rpartition(".")[2]
        wrong = [w for i, v in enumerate(values) for w in judge(kind, v, f"{short} {i}", set(allowed))]
        print(json.dumps(wrong), flush=True)


if __name__ == "__main__":
    main()
