#!/usr/bin/env python3
"""Finds circles of more than three files that use each other, in the crates whose source folders are named.

Reads what `use`, `crate::…` and `super::…` name, follows what is passed on with `pub use`, and leaves tests out. Prints
every circle that is too large.
"""

import re
import sys
from pathlib import Path

FILES_MAX = 3


def modules(root):
    """Every module with its file: ("doors", "rest", "error") → doors/rest/error.rs."""
    found = {}
    for file in sorted(root.rglob("*.rs")):
        path = file.relative_to(root).with_suffix("").parts
        if path == ("main",):
            continue
        if path[-1] == "mod" or path == ("lib",):
            path = path[:-1]
        found[path] = file
    return found


def source(file):
    """Without comments and without tests in the file."""
    text = re.sub(r"//[^\n]*", "", file.read_text())
    return text.split("#[cfg(test)]\nmod tests")[0]


def leaves(tree):
    """`a::{b, c::d as e}` → [(a, b), …] with the name under which each is known."""
    tokens = re.findall(r"::|\w+|\*|[{},]", tree)
    at = 0

    def read(before):
        nonlocal at
        path = list(before)
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token == "{":
                found = []
                while tokens[at] != "}":
                    found += read(path)
                    at += tokens[at] == ","
                at += 1
                return found
            path.append(token)
            if tokens[at : at + 1] == ["::"]:
                at += 1
                continue
            name = path[-1]
            if tokens[at : at + 1] == ["as"]:
                name = tokens[at + 1]
                at += 2
            return [(path, name)]
        return [(path, path[-1])]

    return read([])


def uses(root):
    """Which modules each module uses."""
    files = modules(root)
    texts = {module: source(file) for module, file in files.items()}
    passed_on = {module: {} for module in files}
    for module, text in texts.items():
        for tree in re.findall(r"\bpub(?:\([^)]*\))? use ([^;]+);", text):
            passed_on[module].update({name: path for path, name in leaves(tree)})

    def resolve(module, path):
        if path[0] == "crate":
            here, rest = (), path[1:]
        elif path[0] == "super":
            here, rest = module, path
            while rest and rest[0] == "super":
                here, rest = here[:-1], rest[1:]
        elif path[0] == "self" or module + (path[0],) in files:
            here, rest = module, path[path[0] == "self" :]
        else:
            return None
        while rest and here + (rest[0],) in files:
            here, rest = here + (rest[0],), rest[1:]
        if rest and rest[0] in passed_on.get(here, {}):
            return resolve(here, passed_on[here][rest[0]] + rest[1:]) or here
        return here

    used = {}
    for module, text in texts.items():
        paths = [path for tree in re.findall(r"(?<!pub )(?<!\) )\buse ([^;]+);", text) for path, _ in leaves(tree)]
        inline = re.sub(r"\buse [^;]+;|pub\(in [^)]*\)", "", text)
        paths += [path.split("::") for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", inline)]
        found = {resolve(module, path) for path in paths}
        used[module] = {it for it in found if it in files and it != module}
    return files, used


def circles(used):
    """Groups of modules of which each leads to each other (Tarjan)."""
    number, lowest, open_, found = {}, {}, [], []

    def visit(module):
        number[module] = lowest[module] = len(number)
        open_.append(module)
        for other in used[module]:
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            at = open_.index(module)
            found.append(open_[at:])
            del open_[at:]

    for module in used:
        if module not in number:
            visit(module)
    return found


def main():
    sys.setrecursionlimit(10_000)
    for folder in sys.argv[1:]:
        files, used = uses(Path(folder))
        for circle in circles(used):
            if len(circle) > FILES_MAX:
                print(f"{len(circle)} files use each other:", *(files[module] for module in sorted(circle)), sep="\n  ")


if __name__ == "__main__":
    main()
