"""Join the modules of the page into two scripts, and its style sheets into one: a browser asks for each once.

The first script is what the first picture needs; the other one is what a module asks for later, by `import("./it.js")`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Final

_IMPORT: Final = re.compile(r'^import \{ ((?:\w+(?:, )?)+) \} from "(\.[^"]+)";\n', re.MULTILINE)
_DYNAMIC: Final = re.compile(r'(?<!\{)\bimport\("(\.[^"]+)"\)')
_NAMED: Final = re.compile(r"^export (?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:const|let|class|function)\b)", re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*|(?<!\{)\bimport\(.*", re.MULTILINE)
_TOP: Final = re.compile(r"^(?:export )?(?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


class PageError(ValueError):
    """The modules cannot be one script: the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Script:
    """Modules as one.

    Attributes:
        text: All of them, each behind those that it imports.
        imports: Names that it takes from the other script.
        exports: Names that it gives.
    """

    text: str
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()


def divided(modules: Mapping[str, str], entry: str, address: str) -> tuple[Script, Script]:
    """Return what one module needs, and what is asked for later, as two scripts.

    Args:
        modules: Their texts, by their paths.
        entry: The path of the first one.
        address: Of the second script: what stands in place of the module in `import("./it.js")`.

    Raises:
        PageError: They import each other, or what is not there, or use a name twice, or more than one is asked for
            later; or there is an import or an export of a form other than `import { one, other } from "./there.js";`
            and `export` before what is declared.
    """
    first = order(modules, entry)
    dynamic = {_at(path, there) for path in first for there in _DYNAMIC.findall(modules[path])}
    if len(dynamic) > 1:
        raise PageError(f"one module may be asked for later, and not {', '.join(sorted(dynamic))}")
    later = [path for one in dynamic for path in order(modules, one) if path not in first]
    if clashes := names_used_twice({path: modules[path] for path in [*first, *later]}):
        which = "; ".join(f"{name} in {' and '.join(where)}" for name, where in clashes.items())
        raise PageError(f"modules that become one script have a name twice: {which}")
    shared = tuple(sorted({name for path in later for name in _taken(modules[path], path, first)}))
    given = tuple(name for one in dynamic for name in _NAMED.findall(modules[one]))
    text = _DYNAMIC.sub(f'import("{address}")', "".join(_body(path, modules[path]) for path in first))
    return Script(text, exports=shared), Script("".join(_body(path, modules[path]) for path in later), shared, given)


def _taken(text: str, path: str, places: Collection[str]) -> Iterator[str]:
    """Return the names that a module imports from some others."""
    for names, there in _IMPORT.findall(text):
        if _at(path, there) in places:
            yield from names.split(", ")


def _at(path: str, there: str) -> str:
    return normpath(join(dirname(path), there))


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
    for _, there in _IMPORT.findall(modules[path]):
        _visit(modules, _at(path, there), [*way, path], found)
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
    if left := _LEFT.search(_DYNAMIC.sub("", bare)):
        raise PageError(f"{path} imports or exports in another way than the bundle knows: {left[0]}")
    return bare


def joined_styles(sheets: Iterable[str]) -> str:
    """Return style sheets as one, without comments and without space that means nothing."""
    text = _COMMENT.sub("", "".join(sheets))
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,]) ?|: ", lambda found: found[1] or ":", text).replace(";}", "}").strip()
