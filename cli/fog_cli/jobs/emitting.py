"""Makes lines of what a person or a program gives to `fog emit`, and tells them."""

import os

from fog_cli.jobs.telling import DroppedError, Relay, TellingError, complain, labelled, quoted

TYPES = ("counter", "gauge", "histogram", "event")
_INFINITY = float("inf")  # `math` is a library that would be loaded for it
_MAX_LINE = 8_192
_MAX_MESSAGE = 32_768
_MAX_COMPLAINTS = 10


class WrongError(Exception):
    """A value that cannot be; its text says what to write."""


def line_of(words: list[str]) -> str:
    """Return the line for `NAME[=type] VALUE [k=v …]`.

    Raises:
        WrongError: a name, type, value or label that is none.
    """
    if len(words) < 2:
        raise WrongError("write NAME[=type] VALUE [label=value ...], or - for lines on standard input")
    name, _, kind = words[0].partition("=")
    kind = kind or ("counter" if name.endswith("_total") else "gauge")
    if not is_name(name):
        raise WrongError(f"{name!r} is no name of a metric: write letters, digits and _")
    if kind not in TYPES:
        raise WrongError(f"{name}={kind}: no such type; write one of {', '.join(TYPES)}")
    labels = {}
    for word in words[2:]:
        label, given, value = word.partition("=")
        if not given or not is_name(label) or ":" in label:
            raise WrongError(f"{word!r} is no label: write name=value")
        labels[label] = value
    value = quoted(words[1]) if kind == "event" else _number(kind, words[1])
    return f"{kind} {labelled(name, labels)} {value}"


def is_name(text: str) -> bool:
    """Tell whether a metric may be called so; without `re`, which takes as long to import as all the rest."""
    plain = text.replace("_", "a").replace(":", "a")
    return plain.isascii() and plain.isalnum() and not plain[0].isdigit()


def _number(kind: str, text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        raise WrongError(f"{text!r} is no number") from None
    if not -_INFINITY < value < _INFINITY or (kind == "counter" and value < 0):
        raise WrongError(f"{text} is nothing that a {kind} takes" + ("; it only goes up" if kind == "counter" else ""))
    return text if "_" not in text else repr(value)


def emit(relay: Relay, words: list[str]) -> int:
    """Tell one value, or with `-` the lines of standard input as they come; the exit code.

    Raises:
        WrongError: the words are none of both.
    """
    if words == ["-"]:
        return _Stream(relay).run()
    line = line_of(words)
    return _tell(relay, [line])


def _tell(relay: Relay, lines: list[str]) -> int:
    try:
        relay.tell(lines)
    except TellingError as error:
        complain("emit", str(error))
        return 0 if isinstance(error, DroppedError) else 1
    return 0


class _Stream:
    """Lines of standard input on their way: what has come by one read is told at once."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._types: dict[str, str] = {}
        self._complaints = 0
        self._code = 0

    def run(self) -> int:
        """Tell all lines until the end."""
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            self._take(lines)
            if len(rest) > _MAX_LINE:
                self._complain(rest, f"longer than {_MAX_LINE} bytes")
                rest = b"#"  # what is left of it is no line of its own
        self._take([rest])
        if self._complaints > _MAX_COMPLAINTS:
            complain("emit", f"{self._complaints - _MAX_COMPLAINTS} more lines were not sent")
        return self._code

    def _read(self) -> bytes:
        try:
            return os.read(0, 65536)
        except OSError as error:  # it is closed, or a directory
            complain("emit", f"standard input: {error.strerror}")
            self._code = 1
            return b""

    def _take(self, raw: list[bytes]) -> None:
        batch: list[str] = []
        size = 0
        for one in raw:
            line = self._line(one)
            if not line:
                continue
            size += len(line.encode()) + 1
            if size > _MAX_MESSAGE:
                self._code |= _tell(self._relay, batch)
                batch, size = [], len(line.encode()) + 1
            batch.append(line)
        if batch:
            self._code |= _tell(self._relay, batch)

    def _line(self, raw: bytes) -> str:
        """Return a line as it is sent: with the type that a `# TYPE` line has said before; empty for none."""
        if len(raw) > _MAX_LINE:
            self._complain(raw, f"longer than {_MAX_LINE} bytes")
            return ""
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError:
            self._complain(raw, "not UTF-8")
            return ""
        if line.startswith("#"):
            words = line.split()
            if words[1:2] == ["TYPE"] and len(words) == 4:
                self._types[words[2]] = words[3]
            return ""
        name = line.partition("{")[0].partition(" ")[0]
        kind = self._types.get(name, "")
        for end in ("_bucket", "_sum", "_count"):
            kind = kind or self._types.get(name.removesuffix(end), "")
        if kind in ("histogram", "summary"):
            self._complain(raw, f"totals of a {kind} cannot be added; send observations: histogram NAME VALUE")
            return ""
        return f"{kind} {line}" if kind in TYPES else line

    def _complain(self, raw: bytes, why: str) -> None:
        self._code = 1
        self._complaints += 1
        if self._complaints <= _MAX_COMPLAINTS:
            complain("emit", f"{raw[:60].decode('utf-8', 'replace')!r}: {why}")
