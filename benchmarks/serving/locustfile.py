"""A load test against your own service, whatever its contract.

Create a key that may do enough, then run Locust from the project's environment::

    export CHURN_API_KEY=$(kedro api-key create --name load-test --scope score --scope explain \\
        --requests-per-second 100000 --burst 100000 --quiet)
    locust -f benchmarks/serving/locustfile.py --host http://127.0.0.1:3000 --headless \\
        --users 32 --spawn-rate 32 --run-time 30s

Without ``--headless`` it has a page on http://127.0.0.1:8089. ``CHURN_BATCH`` is the number of
customers in a batch, 100 by default. Customers are drawn from the service's own OpenAPI document:
its example, with categories and numbers varied as far as the service accepts them.
"""

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from locust import FastHttpUser, constant, events, task
from locust.env import Environment

Customer = dict[str, Any]
_POOL = 500  # customers in a round of drawing
_BATCH = int(os.environ.get("CHURN_BATCH", "100"))
_pool: list[Customer] = []


class Draw:
    """Draws customers like the example of the service's OpenAPI document.

    Parameters
    ----------
    document : mapping
        With the request's schema and example under ``/v1/score``.
    seed : int
        Of the draws.
    """

    def __init__(self, document: Mapping[str, Any], seed: int = 1) -> None:
        body = document["paths"]["/v1/score"]["post"]["requestBody"]
        content = body["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        self._fields = document["components"]["schemas"][name]["properties"]
        self._example: Customer = content["example"]
        self._dice = random.Random(seed)

    def accepted(self, score: Callable[[list[Customer]], Any], rounds: int = 6) -> list[Customer]:
        """Return customers that the service scores, from round to round more different ones.

        Fields may depend on each other in ways that the document does not tell. So each round
        changes two fields of customers that were accepted, and keeps what is accepted again.

        Parameters
        ----------
        score : callable
            Sends a batch of customers and returns its results.
        rounds : int
            Batches to send.
        """
        pool = [self._example]
        for _ in range(rounds):
            drawn = [self._vary(self._dice.choice(pool)) for _ in range(_POOL)]
            kept = [drawn[item["index"]] for item in score(drawn) if "errors" not in item]
            pool = kept or pool
        return pool

    def _vary(self, customer: Customer) -> Customer:
        varied = dict(customer)
        for name in self._dice.sample(sorted(varied), k=min(2, len(varied))):
            varied[name] = self._value(self._example[name], self._fields[name])
        return varied

    def _value(self, value: Any, schema: Mapping[str, Any]) -> Any:
        listed = schema.get("enum", schema.get("examples", []))
        choices = [item for item in listed if item is not None]
        if choices:
            return self._dice.choice(choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        least = max(schema.get("minimum", value / 2), value / 2)
        most = min(schema.get("maximum", value * 1.5), value * 1.5)
        if least >= most:
            return value
        if isinstance(value, int):
            return self._dice.randint(round(least), round(most))
        return round(self._dice.uniform(least, most), 2)


@events.test_start.add_listener
def fill_pool(environment: Environment, **_: Any) -> None:
    """Draw the customers, or end the test with a sentence that says why it cannot begin."""
    host = (environment.host or "").rstrip("/")

    def score(customers: list[Customer]) -> Any:
        answer = client.post("/v1/score/batch", json={"customers": customers})
        if answer.status_code != 200:
            raise ValueError(f"it answers {answer.status_code}: {answer.json()['error']}")
        return answer.json()["results"]

    try:
        with httpx.Client(base_url=host, headers=_headers(), timeout=60) as client:
            _pool[:] = Draw(client.get("/openapi.json").json()).accepted(score)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        print(f"cannot test {host or 'a service without --host'}: {error}")
        environment.process_exit_code = 1
        if environment.runner:
            environment.runner.quit()


def _headers() -> dict[str, str]:
    key = os.environ.get("CHURN_API_KEY", "")
    return {"Authorization": f"Bearer {key}"} if key else {}


class Caller(FastHttpUser):
    """A program that asks without pause: mostly for one customer."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Take the key."""
        self.sent = _headers()

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
