"""One script out of many modules: in the order of their imports, with no name twice, and in few bytes."""

from __future__ import annotations

import pytest

from fog_aggregator.components.http.web.bundle import PageError, joined, joined_styles, order
from fog_aggregator.components.http.web.files import ENTRY, page_files, sources
from fog_aggregator.components.http.web.script import ScriptError, tokens
from fog_aggregator.components.http.web.shorten import shortened, written

MODULES = {
    "main.js": 'import { one } from "./a/one.js";\nimport { two } from "./a/two.js";\none(two);\n',
    "a/one.js": 'import { two } from "./two.js";\nexport function one() {}\n',
    "a/two.js": "export const two = 2;\n",
}


def module_texts() -> dict[str, str]:
    """Return the page's modules."""
    return {name: body.decode() for name, body in sources().items() if name.endswith(".js")}


def test_modules_stand_behind_those_that_they_import() -> None:
    """Each once, and without what makes a module of it."""
    assert order(MODULES, "main.js") == ["a/two.js", "a/one.js", "main.js"]
    assert joined(MODULES, "main.js") == "const two = 2;\nfunction one() {}\none(two);\n"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "a/two.js",
            'import { one } from "./one.js";\n',
            "modules import each other: a/one.js -> a/two.js -> a/one.js",
        ),
        ("a/two.js", 'import { six } from "../six.js";\n', "a/two.js imports six.js, which is not there"),
        ("a/two.js", "const one = 1;\n", "a name twice: one in a/two.js and a/one.js"),
        ("a/two.js", "async function one() {}\n", "a name twice: one in a/two.js and a/one.js"),
        ("a/two.js", "export default 3;\n", "a/two.js imports or exports in another way"),
        ("a/two.js", 'import { one as two } from "./three.js";\n', "a/two.js imports or exports in another way"),
        ("a/two.js", 'import * as two from "./three.js";\n', "a/two.js imports or exports in another way"),
        ("a/two.js", 'const two = await import("./three.js");\n', "a/two.js imports or exports in another way"),
    ],
)
def test_what_cannot_be_one_script_is_refused(path: str, text: str, said: str) -> None:
    """The error says which modules, and which name."""
    with pytest.raises(PageError, match=said.replace("(", r"\(")):
        joined(MODULES | {path: text}, "main.js")


def test_all_modules_of_the_page_are_in_its_script() -> None:
    """None is left behind that nobody imports any more; and none is imported by one that it imports."""
    assert sorted(order(module_texts(), ENTRY)) == sorted(module_texts())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("const a = 1; // why\n/* more */ let b = a + +a;\n", "const a=1;let b=a+ +a;"),
        ("const a = `x ${b ? `y ${c}` : {}} // no comment`;", "const a=`x ${b?`y ${c}`:{}} // no comment`;"),
        (
            "f(\"// no comment\", 'it\\'s', /[/\"]+\\//g, 4 / 2 / 1);",
            "f(\"// no comment\",'it\\'s',/[/\"]+\\//g,4/2/1);",
        ),
        ("if (x) {\n  y()\n}\nz();\n", "if(x){y()}\nz();"),
        ("return a\n  .b\n", "return a.b"),
    ],
)
def test_only_needless_space_and_comments_go(script: str, expected: str) -> None:
    """Texts, templates and regular expressions stay as they are."""
    assert written(tokens(script)) == expected


@pytest.mark.parametrize("script", ["const a = `x", "const a = 'x\n';", "\x00"])
def test_what_cannot_be_read_is_refused(script: str) -> None:
    """A text or a template without an end, and what is no JavaScript."""
    with pytest.raises(ScriptError, match="line 1"):
        shortened(script)


def test_styles_are_one_sheet() -> None:
    """Without comments and space; a selector keeps the space that means something."""
    sheet = "/* a */\na b > c,\nd:hover { color: red; margin: 0 1px; }\n@media (max-width: 9px) { a { top: 1px } }\n"
    assert (
        joined_styles([sheet, "e { f: g }"])
        == "a b > c,d:hover{color:red;margin:0 1px}@media (max-width:9px){a{top:1px}}e{f:g}"
    )


def test_the_page_asks_for_one_script_and_one_sheet() -> None:
    """And for nothing else but its sign."""
    page = next(file for file in page_files() if file.path == "/").body.decode()
    assert page.count("<script") == 1
    assert page.count('rel="stylesheet"') == 1
    assert 'src="page.js"' in page
