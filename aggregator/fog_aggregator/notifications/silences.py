"""Silences: alerts that are kept from receivers for a while, by an operator's command (R12.49)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final, TypeAlias

from fog_aggregator.core.saved import DamagedError, Saved, as_integer, as_list, as_number, as_path, as_text, as_texts
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import Matcher, MatchKind
from fog_schema.commands import OPERATORS, SILENCE, UNSILENCE, Command
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_TIMESTAMP
from fog_schema.paths import Path, is_under

MAX_SILENCES: Final = 1_000
"""Silences that are known at once; for one more the one that ended first is dropped, and without one it is refused."""
RETAINED: Final = 5 * 86_400_000
"""For how many milliseconds a silence that is over is still listed, as Alertmanager does."""
_LATEST: Final = MAX_TIMESTAMP * 1000

_Test: TypeAlias = tuple[str, Callable[[str], bool]]


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. Times are milliseconds since 1970, the server's.

    Attributes:
        id: Its name.
        path: The part of the tree that it is for.
        matchers: The conditions that an alert's labels fulfil, all of them.
        starts_at: Its beginning.
        ends_at: Its end.
        author: The operator.
        comment: The reason.
        updated_at: When the last command about it was stored.
    """

    id: str
    path: Path
    matchers: tuple[Matcher, ...]
    starts_at: int
    ends_at: int
    author: str
    comment: str
    updated_at: float

    def state(self, now: int) -> str:
        """Name its state as Alertmanager does: pending, active or expired."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"


@dataclass(frozen=True, slots=True)
class Question:
    """Which of some silences cover an alert; any thread may answer, as expressions of others may take long.

    Attributes:
        notice: The alert.
        version: Of the silences when this was asked.
        tests: The conditions of each silence, by its id.
    """

    notice: Notice
    version: int
    tests: Mapping[str, tuple[_Test, ...]]

    def answer(self) -> frozenset[str]:
        """Return the ids of the silences that cover it."""
        labels = dict(self.notice.labels)
        return frozenset(
            one for one, tests in self.tests.items() if all(test(labels.get(name, "")) for name, test in tests)
        )


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The silences that cover an alert, at any time, by the silences of a version."""

    version: int
    silences: frozenset[str]


class Silences:
    """All silences that are known. Not thread-safe; saves itself."""

    def __init__(self) -> None:
        self._silences: dict[str, Silence] = {}
        self._tests: dict[str, tuple[_Test, ...]] = {}
        self._version = 0
        self._versions: dict[str, int] = {}  # of each silence, the newest last
        self._verdicts: dict[str, _Verdict] = {}  # by fingerprint, of all silences at any time

    def __iter__(self) -> Iterator[Silence]:
        return iter(list(self._silences.values()))

    def __len__(self) -> int:
        return len(self._silences)

    def take(self, path: Path, command: Command, stored_at: float) -> None:
        """Do what a command says that was stored at a time, unix seconds.

        Raises:
            FrameError: It cannot be done: a matcher cannot be read, or there are too many silences.
        """
        known = self._silences.get(command.id)
        if known is not None and stored_at <= known.updated_at:
            return  # it is read again
        now = int(stored_at * 1000)
        if command.command == UNSILENCE:
            if known is not None and is_under(known.path, path) and known.state(now) != "expired":
                self._put(replace(known, ends_at=max(now, known.starts_at), updated_at=stored_at))
        elif command.command == SILENCE:
            self._add(path, command, stored_at, known)

    def silencing(self, notice: Notice, now: int) -> tuple[str, ...]:
        """Return the ids of the silences that are active for an alert."""
        for question in self.questions([notice]):
            self.learn(question, question.answer())
        verdict = self._verdicts[notice.fingerprint]
        return tuple(one for one in verdict.silences if self._silences[one].state(now) == "active")

    def questions(self, notices: Iterable[Notice]) -> list[Question]:
        """List what has to be found out before `silencing` knows the silences of alerts at once.

        Each alert is compared once with each silence, and again with one that has changed.
        """
        return [question for notice in notices if (question := self._question(notice)).tests]

    def learn(self, question: Question, covering: frozenset[str]) -> None:
        """Take the answer to a question; one about silences that have changed meanwhile is asked again."""
        known = self._verdicts.pop(question.notice.fingerprint, _Verdict(0, frozenset()))
        asked = question.tests.keys()
        silences = (known.silences - asked) | (covering & self._silences.keys())
        self._verdicts[question.notice.fingerprint] = _Verdict(question.version, silences)

    def _question(self, notice: Notice) -> Question:
        if len(self._verdicts) > MAX_SILENCES * 100:
            self._verdicts.clear()
        known = self._verdicts.setdefault(notice.fingerprint, _Verdict(0, frozenset()))
        if known.version == self._version:
            return Question(notice, self._version, {})
        newer = takewhile(lambda one: self._versions[one] > known.version, reversed(self._versions))
        tests = {one: self._tests[one] for one in newer if _is_inside(self._silences[one], notice)}
        if not tests:  # the ones that have changed are about other places
            silences = known.silences.intersection(self._silences)
            self._verdicts[notice.fingerprint] = _Verdict(self._version, silences)
        return Question(notice, self._version, tests)

    def image(self) -> Saved:
        """Return every silence."""
        return Saved(
            {
                "silences": [
                    (
                        one.id, one.path, [(m.kind.value, m.name, m.value) for m in one.matchers],
                        one.starts_at, one.ends_at, one.author, one.comment, one.updated_at,
                    )
                    for one in self._silences.values()
                ]
            }
        )  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Take over the silences that were saved, in place of those that are known."""
        checks = (as_text, as_path, _as_matchers, as_integer, as_integer, as_text, as_text, as_number)
        silences = {record[0]: Silence(*record) for record in saved.records("silences", *checks)}
        try:
            tests = {name: _tests(one.matchers) for name, one in silences.items()}
        except FrameError as error:
            raise DamagedError(error.detail) from None
        self._silences, self._tests, self._verdicts = silences, tests, {}
        self._version = len(silences)
        self._versions = {name: number for number, name in enumerate(silences, 1)}

    def _add(self, path: Path, command: Command, stored_at: float, known: Silence | None) -> None:
        now = int(stored_at * 1000)
        starts_at = command.starts_at or now
        silence = Silence(
            command.id,
            path,
            tuple(Matcher(MatchKind(OPERATORS[operator]), name, value) for operator, name, value in command.matchers),
            starts_at,
            min(command.ends_at or starts_at + command.duration, _LATEST),
            command.author,
            command.comment,
            stored_at,
        )
        if known is not None and not is_under(known.path, path):
            raise FrameError("command", f"the silence {command.id} was made for another part of the tree")
        tests = _tests(silence.matchers)
        if all(test("") for _, test in tests):
            raise FrameError("command", "a silence needs a matcher that an absent label does not fulfil")
        for old in [one for one in self._silences.values() if now - one.ends_at > RETAINED]:
            self._remove(old)
        if known is None and len(self._silences) >= MAX_SILENCES:
            self._make_room(now)
        self._tests[silence.id] = tests
        self._put(silence)

    def _make_room(self, now: int) -> None:
        over = [one for one in self._silences.values() if one.state(now) == "expired"]
        if not over:
            raise FrameError("limit", f"there are {MAX_SILENCES} silences")
        first = min(over, key=lambda one: one.ends_at)
        self._remove(first)

    def _remove(self, silence: Silence) -> None:
        for known in (self._silences, self._tests, self._versions):
            del known[silence.id]
        for name, verdict in self._verdicts.items():
            if silence.id in verdict.silences:
                self._verdicts[name] = replace(verdict, silences=verdict.silences - {silence.id})

    def _put(self, silence: Silence) -> None:
        self._version += 1
        self._silences[silence.id] = silence
        self._versions.pop(silence.id, None)
        self._versions[silence.id] = self._version


def _is_inside(silence: Silence, notice: Notice) -> bool:
    """Tell whether an alert is of the part of the tree that a silence is for."""
    return is_under(notice.path, silence.path) if notice.path else len(silence.path) == 1


def _tests(matchers: tuple[Matcher, ...]) -> tuple[_Test, ...]:
    try:
        return tuple((one.name, one.test()) for one in matchers)
    except BadQueryError as error:
        raise FrameError("command", str(error)) from None


def _as_matchers(value: object) -> tuple[Matcher, ...]:
    """Check that a value is a list of matchers."""
    found = []
    for one in as_list(value):
        texts = as_texts(one)
        if len(texts) != 3 or texts[0] not in OPERATORS:
            raise DamagedError(f"{one!r} is no matcher")
        found.append(Matcher(MatchKind(texts[0]), texts[1], texts[2]))
    return tuple(found)
