"""The aggregator over HTTP: metrics, a JSON interface and a page.

    web = WebServer(make_app(network, status), ("127.0.0.1", 10364))
    await web.start()

`routes.ROUTES` lists what there is; ``/api/openapi.json`` says it to machines.
"""

from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.server import ListenError, WebServer
from fog_aggregator.components.http.status import Status, StreamStatus

__all__ = ["ListenError", "Status", "StreamStatus", "WebServer", "make_app"]
