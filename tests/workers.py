"""Hand tests out to the workers of a run with `--dist loadfile`."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class ByFileAndHouse(LoadFileScheduling):  # type: ignore[misc]
    """Hands out whole files, and the guards of the house as one: they read the same syntax trees."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/house" if file.startswith("tests/house/") else file

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that a worker has died of. Others get the rest of its work, but not the test: it may hang."""
        rest = {scope: tests for scope, tests in self.assigned_work.pop(node).items() if not all(tests.values())}
        if not rest:
            return None
        first = next(iter(rest.values()))
        died: str = next(name for name, is_done in first.items() if not is_done)
        first[died] = True
        self.workqueue.update({scope: tests for scope, tests in rest.items() if not all(tests.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        return died
