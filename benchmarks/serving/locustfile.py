"""A load test against your own service, whatever its contract.

Create a key that may do enough, then run Locust from the project's environment::

    export CHURN_API_KEY=$(kedro api-key create --name load-test --scope score --scope explain \\
        --requests-per-second 100000 --burst 100000 --quiet)
    locust -f benchmarks/serving/locustfile.py --host http://127.0.0.1:3000 --headless \\
        --users 32 --spawn-rate 32 --run-time 30s

Without ``--headless`` it has a page on http://127.0.0.1:8089. ``CHURN_BATCH`` is the number of
customers in a batch, 100 by default. Customers are drawn from the service's own OpenAPI document:
its example, with categories and numbers varied; those that it refuses are left out.
"""

import os
import random
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from locust import FastHttpUser, constant, events, task
from locust.env import Environment

Customer = dict[str, Any]
_POOL = 500  # customers to draw from
_BATCH = int(os.environ.get("CHURN_BATCH", "100"))
_pool: list[Customer] = []


def draw_customers(document: Mapping[str, Any], seed: int = 1) -> Iterator[Customer]:
    """Yield customers like the example of an OpenAPI document, without end.

    Parameters
    ----------
    document : mapping
        With the request's schema and example under ``/v1/score``.
    seed : int
        Of the draws.

    Yields
    ------
    dict
        A customer whose categories are drawn from the allowed ones and whose numbers lie within
        half and one and a half of the example's, in the allowed range.
    """
    dice = random.Random(seed)
    operation = document["paths"]["/v1/score"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    while True:
        yield {
            name: _vary(value, schema["properties"][name], dice)
            for name, value in content["example"].items()
        }


def _vary(value: Any, schema: Mapping[str, Any], dice: random.Random) -> Any:
    choices = [item for item in schema.get("enum", schema.get("examples", [])) if item is not None]
    if choices:
        return dice.choice(choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    least = max(schema.get("minimum", value / 2), value / 2)
    most = min(schema.get("maximum", value * 1.5), value * 1.5)
    if least >= most:
        return value
    if "integer" in schema["type"]:
        return dice.randint(round(least), round(most))
    return round(dice.uniform(least, most), 2)


@events.test_start.add_listener
def fill_pool(environment: Environment, **_: Any) -> None:
    """Draw the customers and keep those that the service scores."""
    host = (environment.host or "").rstrip("/")
    key = os.environ.get("CHURN_API_KEY", "")
    try:
        document = requests.get(f"{host}/openapi.json", timeout=10).json()
        drawn = draw_customers(document)
        customers = [next(drawn) for _ in range(_POOL)]
        answer = requests.post(
            f"{host}/v1/score/batch",
            json={"customers": customers},
            headers=_headers(key),
            timeout=60,
        )
        if answer.status_code != 200:
            raise ValueError(f"it answers {answer.status_code}: {answer.json()['error']}")
        results = answer.json()["results"]
        _pool[:] = [customers[item["index"]] for item in results if "errors" not in item]
        if not _pool:
            raise ValueError("it scores none of the customers drawn from its OpenAPI document")
    except (requests.RequestException, ValueError, KeyError) as error:
        print(f"cannot test {host or 'a service without --host'}: {error}")
        environment.process_exit_code = 1
        if environment.runner:
            environment.runner.quit()


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


class Caller(FastHttpUser):
    """A program that asks without pause: mostly for one customer."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Take the key."""
        self.sent = _headers(os.environ.get("CHURN_API_KEY", ""))

    def _post(self, path: str, body: Any) -> None:
        self.client.post(path, json=body, headers=self.sent)

    @task(80)
    def score(self) -> None:
        """Score one customer."""
        self._post("/v1/score", random.choice(_pool))

    @task(15)
    def explain(self) -> None:
        """Ask why."""
        self._post("/v1/explain", random.choice(_pool))

    @task(5)
    def score_batch(self) -> None:
        """Score many customers."""
        self._post("/v1/score/batch", {"customers": random.choices(_pool, k=_BATCH)})
