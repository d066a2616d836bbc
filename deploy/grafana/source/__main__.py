"""Write the dashboards: ``python -m deploy.grafana.source``, in the repository's root."""

from __future__ import annotations

from pathlib import Path

from deploy.grafana.source.dashboards import texts

for name, text in texts().items():
    (Path(__file__).parents[1] / "dashboards" / name).write_text(text, "utf-8")
