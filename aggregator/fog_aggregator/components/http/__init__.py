"""The aggregator over HTTP: metrics, a JSON interface and a page.

    web = WebServer(make_app(network, status), HttpOptions())
    await web.start()

`routes.ROUTES` lists what there is; ``/api/openapi.json`` says it to machines.
"""
