"""A program that serves its own /metrics with nothing but the standard library, in the format the scraper asks for.

python sdk_http.py 8000
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import negotiate

collector = TelemetryCollector()
scrapes = collector.register_counter("example_scrapes_total", "Scrapes of this program")


class Metrics(BaseHTTPRequestHandler):
    """Answers every GET with all metrics."""

    def do_GET(self) -> None:
        """Write the text in chunks, however large it is."""
        scrapes.increment()
        chosen = negotiate(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", chosen.content_type)
        self.end_headers()
        for chunk in chosen.iter(collector.collect()):
            self.wfile.write(chunk)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8000), Metrics) as server:
        print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
        server.serve_forever()
