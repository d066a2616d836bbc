"""The OpenAPI document says of the API what it does."""

from __future__ import annotations

import json

from fog_aggregator.components.http.prometheus.metrics import RESULTS, SUCCESS
from fog_aggregator.components.http.prometheus.route import STATUS_OF
from fog_aggregator.components.http.prometheus.routes import API_ROUTES
from fog_proving.fuzz.http.schema import Checker
from tests.aggregator.api.asking import asking
from tests.aggregator.api.test_rules import ACTIVE, GROUP
from tests.promql.asking import load, repeat

QUESTION = "query=sum by (kind) (x)&start=0&end=100&step=10&match[]=x&time=50&limit=1"


async def test_each_route_is_described_as_it_answers() -> None:
    """Methods, parameters, answers and errors."""
    async with asking(load(f'x{{kind="a"}} {repeat(11)}', f'x{{kind="b"}} {repeat(11)}')) as asked:
        asked.rules.groups, asked.rules.active = (GROUP,), (ACTIVE,)
        document = json.loads((await asked.ask("/api/openapi.json")).body)
        schemas = document["components"]["schemas"]
        for route in API_ROUTES:
            operations = document["paths"][route.path]
            assert set(operations) == {method.lower() for method in route.methods}
            names = [parameter.name for parameter in route.parameters]
            in_query = [one["name"] for one in operations["get"]["parameters"] if one["in"] == "query"]
            assert in_query == names
            path = route.path.replace("{name}", "kind")
            answers = [await asked.ask(f"{path}?{QUESTION}")]
            if "post" in operations:
                (form,) = operations["post"]["requestBody"]["content"].values()
                assert list(form["schema"]["properties"]) == names
                fields = dict(field.split("=") for field in QUESTION.split("&"))
                answers.append(await asked.ask(path, form=fields))
            for answer in answers:
                assert answer.status == 200, answer.text
                (content,) = operations["get"]["responses"]["200"]["content"].values()
                Checker(schemas).check(json.loads(answer.body), content["schema"], path)
            refused = await asked.ask(path, "DELETE")
            (media,) = operations["get"]["responses"]["405"]["content"]
            assert (refused.status, refused.headers["Content-Type"].startswith(media)) == (405, True)
        bad = await asked.ask("/api/v1/query?query=(")
        Checker(schemas).check(json.loads(bad.body), schemas["ApiError"])


def test_each_type_of_error_has_its_status() -> None:
    """Each that is counted, and no other."""
    assert set(STATUS_OF) == set(RESULTS) - {SUCCESS, "internal"}
