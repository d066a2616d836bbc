"""Two scripts out of many modules: in the order of their imports, with no name twice, and in few bytes."""

from __future__ import annotations

import aiohttp
import pytest

from fog_aggregator.components.http.web import files
from fog_aggregator.components.http.web.bundle import PageError, Script, divided, joined_styles, order
from fog_aggregator.components.http.web.files import ENTRY, File, page_files, sources, version
from fog_aggregator.components.http.web.names import renamed
from fog_aggregator.components.http.web.script import ScriptError, tokens
from fog_aggregator.components.http.web.shorten import shortened, written
from fog_testing.fleet import Fleet
from fog_testing.waiting import eventually
from tests.aggregator.serving import sample_fleet, serving

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
    assert divided(MODULES, "main.js", "more.js")[0].text == "const two = 2;\nfunction one() {}\none(two);\n"


LATER = {
    "main.js": 'import { two } from "./a/two.js";\nconst more = () => import("./later.js");\nmore(two);\n',
    "later.js": 'import { one } from "./a/one.js";\nexport const later = { one };\n',
}


def test_what_is_asked_for_later_is_a_script_of_its_own() -> None:
    """Without the modules that are there already: it imports what it needs of them, by their short names."""
    first, later = divided(MODULES | LATER, "main.js", "./more.js?v=1")
    assert first.text == 'const two = 2;\nconst more = () => import("./more.js?v=1");\nmore(two);\n'
    assert first.exports == later.imports == ("two",)
    assert later.text == "function one() {}\nconst later = { one };\n"
    assert later.exports == ("later",)
    one, other = shortened(first, later, "./page.js?v=1")
    name = one.partition("let ")[2].partition("=")[0]
    assert one.endswith(f"export{{{name}}};")
    assert other.startswith(f'import{{{name}}}from"./page.js?v=1";function ')
    assert other.endswith(" as later};")


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
        ("a/two.js", "const two = await import(there);\n", "a/two.js imports or exports in another way"),
        ("a/two.js", 'import("./three.js");\nimport("./four.js");\n', "one module may be asked for later"),
    ],
)
def test_what_cannot_be_one_script_is_refused(path: str, text: str, said: str) -> None:
    """The error says which modules, and which name."""
    with pytest.raises(PageError, match=said.replace("(", r"\(")):
        divided(MODULES | {path: text}, "main.js", "more.js")


def test_all_modules_of_the_page_are_in_its_script() -> None:
    """None is left behind that nobody imports any more; and none is imported by one that it imports."""
    texts = module_texts()
    assert sorted({*order(texts, ENTRY), *order(texts, "later.js")}) == sorted(texts)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("const a = 1; // why\n/* more */ let b = a + +a;\n", "let a=1,b=a+ +a;"),
        ("const a = `x ${b ? `y ${c}` : {}} // no comment`;", "let a=`x ${b?`y ${c}`:{}} // no comment`;"),
        (
            "f(\"// no comment\", 'it\\'s', /[/\"]+\\//g, 4 / 2 / 1);",
            "f(\"// no comment\",'it\\'s',/[/\"]+\\//g,4/2/1);",
        ),
        ("if (x) {\n  y();\n}\nz();\n", "if(x){y()}z();"),
        ("f(one,\n  [two,],\n);\nlet a = async (b) => ((c, d) => b);\n", "f(one,[two]);let a=async b=>((c,d)=>b);"),
        ("return a\n  .b\n", "return a.b"),
        # Declarations that follow each other are one, but not those between which something is done.
        ("const a = 1;\nlet [b] = c;\nf(a);\nconst d = 2;\n", "let a=1,[b]=c;f(a);let d=2;"),
        (
            "const a = () => { const b = 1; const c = `${() => { let d; }}`; return b; };\nlet e;\n",
            "let a=()=>{let b=1,c=`${()=>{let d}}`;return b},e;",
        ),
        (
            "for (const a of b) f(a); const c = { const: 1 }; for (let d = 0; d < 1;) g(d);\n",
            "for(let a of b)f(a);let c={const:1};for(let d=0;d<1;)g(d);",
        ),
    ],
)
def test_only_needless_space_and_comments_go(script: str, expected: str) -> None:
    """Texts, templates and regular expressions stay as they are."""
    assert written(list(tokens(script))) == expected


@pytest.mark.parametrize("script", ["const a = `x", "const a = 'x\n';", "\x00"])
def test_what_cannot_be_read_is_refused(script: str) -> None:
    """A text or a template without an end, and what is no JavaScript."""
    with pytest.raises(ScriptError, match="line 1"):
        shortened(Script(script), Script(""), "")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # A name that all of it sees, one of a function alone, and one that the browser has.
        (
            "const long = 1; function other(value) { return value + long + window.long; }",
            "let t=1;function e(e){return e+t+window.long}",
        ),
        # A property stays, and what is both keeps its property.
        ("const word = { word: 1, other() {} }; f({ word, x: word.word });", "{word:e,x:e.word}"),
        ("const f = ({ one, two: [three = window], ...rest }) => one + three + rest;", "e+t+n"),
        ("const f = ({ one, ...rest }) => rest;", "({one:e,...t})=>t"),
        # A name in a value by default is none of the parameters.
        ("const f = (one = document, { two = fetch } = {}) => [one, two, document, fetch];", "[e,t,document,fetch]"),
        # Members of a class; a property of one's own that begins with `_` has another name wherever it is used.
        ("class A { turn = 0; get size() { return 1; } async _load(all) { await this._load(all); } }", "this._e(e)"),
        ("class A { _load() {} } const text = `_load`;", "_load(){}"),
        ("try { f(); } catch (error) { g(error.error, name); }", "g(e.error,name)"),
        ("for (const [key, { value: one }] of rows) f(key, one, of, value);", "f(e,t,of,value)"),
        # Words of the language that are names as well stay in all places.
        ("const f = async () => { const { one, of } = g(); return of(one); }", "let{one:e,of}=g();return of(e)}"),
        ("const f = (one) => (one ? { one } : {});", "e=>(e?{one:e}:{})"),
        # Functions that are apart have the same letters; those within another one do not hide what they use.
        ("const f = (one) => one.x; const g = (two) => two.y;", "let e=e=>e.x,t=e=>e.y;"),
        ("function f(one) { return [(two) => one + two, (three) => three]; }", "(e){return[t=>e+t,e=>e]}"),
        (
            "f((one, two = (one) => one) => { try { one(); } catch (two) { two(one); } });",
            "(e,t=e=>e)=>{try{e()}catch(t)",
        ),
        (
            "class A { get one() { return one; } two(one) { const three = 1; return three + one; } }",
            "(e){let t=1;return t+e}",
        ),
        # A function's value ends at a colon, but not at that of its own condition.
        ("const g = x ? (one) => one ?? two : one; const one = 1;", "x?e=>e??two:e,e=1"),
        ("const g = x ? (one) => one ? 1 : one : one; const one = 1;", "x?e=>e?1:e:e,e=1"),
        ("const f = `${(one) => one}${one}`; const one = 1;", "`${e=>e}${e}`,e=1"),
        # A block's name is that of the function around it, wherever the function uses it.
        (
            "function f() { use(one); { const one = 2; use(one); } } const one = 1;",
            "{use(e);{let e=2;use(e)}}let e=1;",
        ),
        ("const f = (one) => `${one} ${one ? `${one.one}` : name} one`;", "`${e} ${e?`${e.one}`:name} one`"),
    ],
)
def test_names_are_shorter(script: str, expected: str) -> None:
    """All names that are declared there, wherever they are used, and no others."""
    text = written(renamed(list(tokens(script)))[0])
    assert expected in text, text


def test_no_name_of_the_browser_is_another() -> None:
    """Of all names of the page those alone are left that a browser has."""
    scripts = [
        next(file.body.decode() for file in page_files() if file.path == f"/{name}.js") for name in ("page", "more")
    ]
    left = {one.text for script in scripts for one in tokens(script) if one.kind == "word"}
    for name in ("document", "window", "fetch", "ResizeObserver", "Intl", "TextDecoderStream", "clearTimeout"):
        assert name in left
    own = {"Overview", "problemsCard", "MapCard", "SilenceForm", "crumbs", "paintPlace"}
    assert {name for name in own if any(one.text == name for one in tokens(scripts[0]))} == set()


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
    assert f'src="page.js?v={version()}"' in page


async def test_a_script_of_another_version_is_refused(fog_fleet: Fleet) -> None:
    """The two scripts know each other's short names: they are of one version, or one of them is not loaded."""
    first, later = (next(file for file in page_files() if file.path == path) for path in ("/page.js", "/more.js"))
    assert f'"./more.js?v={version()}"' in first.body.decode()
    assert f'"./page.js?v={version()}"' in later.body.decode()
    async with aiohttp.ClientSession() as client:
        for wanted, status in ((version(), 200), ("another", 404)):
            async with client.get(f"{fog_fleet.url}/more.js", params={"v": wanted}) as answer:
                assert answer.status == status


async def test_the_page_is_made_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A while after the start, what a browser is sent; a module as it is written, which nobody asks for, is not."""
    page, script, module = (File(path, lambda: b"text") for path in ("/", "/page.js", "/main.js"))
    monkeypatch.setattr(files, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(files, "page_files", lambda: (page, script, module))
    async with serving(sample_fleet()):
        await eventually(lambda: "packed" in vars(script), deadline=60)
    assert "packed" in vars(page)
    assert "packed" not in vars(module)


async def test_a_browser_is_sent_a_file_once(fog_fleet: Fleet) -> None:
    """It comes with a tag, and who has it is told that it has not changed."""
    async with aiohttp.ClientSession() as client:
        for path in ("/", "/page.css", "/fog.svg"):
            async with client.get(fog_fleet.url + path) as answer:
                headers = {"If-None-Match": answer.headers["ETag"]}
                assert answer.status == 200
            async with client.get(fog_fleet.url + path, headers=headers) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
