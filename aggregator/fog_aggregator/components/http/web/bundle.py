"""Join the modules of the page into one script, and its style sheets into one: a browser asks for each once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from posixpath import dirname, join, normpath
from typing import Final

_IMPORT: Final = re.compile(r'^import \{ (?:\w+(?:, )?)+ \} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:const|let|class|function)\b)", re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*|(?<!\{)\bimport\(.*", re.MULTILINE)
_TOP: Final = re.compile(r"^(?:export )?(?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


class PageError(ValueError):
    """The modules cannot be one script: the text says which, and why."""


def joined(modules: Mapping[str, str], entry: str) -> str:
    """Return all modules that one needs as one, each behind those that it imports.

    Args:
        modules: Their texts, by their paths.
        entry: The path of the first one.

    Raises:
        PageError: They import each other, or what is not there, or use a name twice; or there is an import or an export
            of a form other than `import { one, other } from "./there.js";` and `export` before what is declared.
    """
    found = order(modules, entry)
    if clashes := names_used_twice({path: modules[path] for path in found}):
        which = "; ".join(f"{name} in {' and '.join(where)}" for name, where in clashes.items())
        raise PageError(f"modules that become one script have a name twice: {which}")
    return "".join(_body(path, modules[path]) for path in found)


def order(modules: Mapping[str, str], entry: str) -> list[str]:
    """Return the modules that one needs, each behind those that it imports, and itself last.

    Raises:
        PageError: They import each other, or what is not there.
    """
    found: list[str] = []
    _visit(modules, entry, [], found)
    return found


def _visit(modules: Mapping[str, str], path: str, way: list[str], found: list[str]) -> None:
    if path in way:
        raise PageError(f"modules import each other: {' -> '.join([*way[way.index(path) :], path])}")
    if path in found:
        return
    if path not in modules:
        raise PageError(f"{way[-1] if way else 'the page'} imports {path}, which is not there")
    for there in _IMPORT.findall(modules[path]):
        _visit(modules, normpath(join(dirname(path), there)), [*way, path], found)
    found.append(path)


def names_used_twice(modules: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names that several modules declare at their top, and which modules do."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in modules.items():
        for name in _TOP.findall(text):
            found[name].append(path)
    return {name: where for name, where in sorted(found.items()) if len(where) > 1}


def _body(path: str, text: str) -> str:
    bare = _EXPORT.sub("", _IMPORT.sub("", text))
    if left := _LEFT.search(bare):
        raise PageError(f"{path} imports or exports in another way than the bundle knows: {left[0]}")
    return bare


def joined_styles(sheets: Iterable[str]) -> str:
    """Return style sheets as one, without comments and without space that means nothing."""
    text = _COMMENT.sub("", "".join(sheets))
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,]) ?|: ", lambda found: found[1] or ":", text).replace(";}", "}").strip()
