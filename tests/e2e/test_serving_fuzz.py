"""The service under hostile requests: what its OpenAPI document allows, forbids, and worse."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import random
import re
import shutil
import socket
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.config._checks import NegativeDataRejectionConfig
from schemathesis.engine import events, from_schema

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import Scorer, load_scorer
from churn_pipeline.scorer.bundle import write_bundle
from tests.bundles import packaged
from tests.serving.support import Server, poll, serving, write_settings
from tests.sizes import size

pytestmark = pytest.mark.slow

MOST_BYTES = 60_000
SECONDS = 5.0
CANARY = "Zyzzyva"  # in ids and texts of customers, and in nothing else
CANARY_NUMBER = "73190442"  # likewise in numbers
EXAMPLES = size(200, 2000)
BODIES = size(2000, 20_000)
BODIES_AN_EXAMPLE = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(bundle_folder, folder / "data/06_models/bundle")
    write_settings(folder, max_body_bytes=MOST_BYTES)
    with serving(folder) as server:
        yield server


# --- what the OpenAPI document says ------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_server(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Iterator[Server]:
    """A service of a contract without conditions across fields, which no JSON Schema can say."""
    folder = tmp_path_factory.mktemp("plain")
    bundle = packaged("logistic_regression", customers, replace(contract, row_rules=()))
    write_bundle(bundle, folder / "data/06_models/bundle")
    write_settings(folder)
    with serving(folder) as server:
        yield server


def test_the_service_keeps_its_openapi_document(plain_server: Server) -> None:
    rejections = NegativeDataRejectionConfig().expected_statuses
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "base-url": plain_server.url,
            "headers": {"Authorization": f"Bearer {plain_server.token}"},
            "continue-on-failure": True,
            "request-timeout": SECONDS,
            "generation": {
                "deterministic": True,
                "max-examples": size(22, 220),
                "database": "none",
            },
            # more customers than a batch may hold are refused by 413
            "checks": {"negative_data_rejection": {"expected-statuses": [*rejections, "413"]}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{plain_server.url}/openapi.json", config=config)
    asked: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    problems: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            problems.add(repr(event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for case_id, interaction in event.recorder.interactions.items():
            asked[event.recorder.label] += 1
            if interaction.response is None:
                problems.add(f"{event.recorder.label}: no answer to {interaction.request.body!r}")
                continue
            statuses[interaction.response.status_code] += 1
            for check in event.recorder.checks.get(case_id, []):
                if check.failure_info is not None and not _is_excused(
                    check.name, interaction.response.status_code, event.recorder.cases[case_id]
                ):
                    failure = check.failure_info.failure
                    problems.add(
                        f"{event.recorder.label}: {failure.title}: {failure.message}\n"
                        f"{interaction.request.body!r:.300}\n{interaction.response.text:.300}"
                    )
    assert not problems, "\n\n".join(sorted(problems)[:5])
    assert sum(asked.values()) >= EXAMPLES
    paths = plain_server.client().get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert set(asked) >= routes
    assert statuses[200] > size(30, 300)  # not everything was refused
    assert statuses[422] > size(30, 300)
    assert {400, 401, 405, 415, 422} <= set(statuses)


def _is_excused(check: str, status: int, case: Any) -> bool:
    """Whether a document cannot say what the check misses."""
    if status == 429:  # by then the wrong keys of the checks before have used up their allowance
        return check in ("ignored_auth", "missing_required_header")
    body = case.value.body
    if check == "positive_data_acceptance" and status == 422 and isinstance(body, dict):
        return body.get("date", "") > datetime.now(UTC).date().isoformat()
    return False


# --- bodies ------------------------------------------------------------------------------------


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that is kept alive; a raw one, since clients refuse to send some of this."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._rest = b""

    def send(self, request: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._server.port), SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._rest = b""
        # an answer may come before all of a large body is read
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(request)

    def receive(self) -> Answer:
        """Return the answer; a hang is a TimeoutError."""
        head, _, rest = self._until(lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers["content-length"])
        self._rest = rest
        data = self._until(lambda data: len(data) >= length)
        body, self._rest = data[:length], data[length:]
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, body)

    def _until(self, is_enough: Any) -> bytes:
        assert self._socket is not None
        data = self._rest
        while not is_enough(data):
            part = self._socket.recv(65536)
            assert part, "the connection was closed without an answer"
            data += part
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(frozen=True)
class Body:
    """What is sent to a route, and what may be answered."""

    path: str
    content: bytes
    is_good: bool
    content_type: bytes | None = b"application/json"
    encoding: bytes | None = None
    chunk: int = 0

    def request(self, token: str) -> bytes:
        lines = [
            b"POST %s HTTP/1.1" % self.path.encode(),
            b"Host: test",
            b"Authorization: Bearer %s" % token.encode(),
        ]
        if self.content_type is not None:
            lines.append(b"Content-Type: " + self.content_type)
        if self.encoding is not None:
            lines.append(b"Content-Encoding: " + self.encoding)
        content = self.content
        if self.chunk:
            lines.append(b"Transfer-Encoding: chunked")
            starts = range(0, len(content), self.chunk)
            pieces = [content[i : i + self.chunk] for i in starts]
            content = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
        else:
            lines.append(b"Content-Length: %d" % len(content))
        return b"\r\n".join([*lines, b"", content])


Pairs = list[tuple[str, str]]  # JSON texts of the names and of the values of an object

TOKENS = st.sampled_from(
    [
        "null", "true", "false", "0", "-0", "-0.0", "-1", "1", "1.5", "1e2", "12.0", "1e999",
        "-1e999", "1e-999", "9007199254740993", "1" * 40, "-" + "9" * 400, "1" * 5000,
        "0." + "3" * 900,
        "NaN", "Infinity", "-Infinity", "nan", "inf", "0x10", "01", "+1", ".5", "1.", "1_000",
        CANARY_NUMBER, f"-{CANARY_NUMBER}", f"0.{CANARY_NUMBER}", f"1e{CANARY_NUMBER}",
        '""', '" "', '"1"', '"0"', '"12.5"', '"yes"', '"nan"', '"Yes "', f'"{CANARY}"',
        f'"{CANARY * 60}"', '"\\u0000"', '"\\ud800"', f'"{CANARY}\\udfff"', '"\\ud83d\\ude00"',
        '"\\x"', '"\\u12"', f"'{CANARY}'", CANARY, "undefined", "[]", "{}", '[["a"]]', "[null]",
        f'["{CANARY}"]', f'{{"{CANARY}": "{CANARY}"}}', '{"": {}}', "", "[", "{", "}", '"', "//",
        "/**/1",
        "[" * 30 + "]" * 30, '{"a":' * 400 + "1" + "}" * 400, "[" * 20_000,
        "[1," * 990 + "1" + "]" * 990,
        '{"a":' * 985 + "1" + "}" * 985,
    ]
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8).map(lambda s: json.dumps(s + CANARY))
NUMBERS = st.one_of(st.floats().map(repr), st.integers().map(str))
VALUES = st.one_of(TOKENS, TOKENS, TEXTS, NUMBERS)
NAMES = st.one_of(
    st.sampled_from(['""', '"\\u0000"', '"__proto__"', '"\\ud800"', '"constructor"', '"index"']),
    st.text(string.ascii_letters, max_size=4).map(json.dumps),
    st.just(json.dumps("long" * 500)),
)
CONTENT_TYPES = st.sampled_from(
    [
        None, b"", b"text/plain", b"application/xml", b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x", b"application/json; charset=utf-16",
        b"application/jsonx",
        b"application/json, text/plain", b"*/*", b"\xff\xfe", b"application/json; charset=latin-1",
    ]
)  # fmt: skip
GOOD_TYPES = st.sampled_from(
    [b"application/json; charset=utf-8", b"Application/JSON", b'application/json;charset="UTF-8"']
)
GOOD_ID = f'"{CANARY} 1"'


PATHS = st.sampled_from(
    ["/v1/score", "/v1/score", "/v1/score/batch", "/v1/explain", "/v1/explain/batch",
     "/v1/feedback"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["good", "order", "escapes", "value", "value", "value", "values", "id", "missing", "more",
     "more", "many", "twice"]
)  # fmt: skip
BATCHES = st.sampled_from(["records", "records", "records", "values", "one", "twice", "more"])
HARMS = st.sampled_from(
    ["none"] * 8
    + ["chunked", "good type", "type", "coded", "cut", "bytes", "random", "charset", "around",
       "huge", "wrapped"]
)  # fmt: skip
CODINGS = st.sampled_from([b"gzip", b"deflate", b"br", b"identity", b"", b"x"])
CHARSETS = st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
AROUND = st.sampled_from(
    [b"", b" ", b"\0", b"\xef\xbb\xbf", b"\xff", b"// x\n", b"\x1f\x8b", b",", b"}", b"null",
     b"\xc0\x80"]
)  # fmt: skip
WRAPPERS = st.sampled_from([b"[%s]", b'{"customer":%s}', b'"%s"', b"[[%s]]", b"%s,%s"])
BLANKS = st.sampled_from(["", " ", "\n\t"])
BYTES = st.binary(max_size=60)
SHARES = st.integers(0, 9999)
FEW = st.integers(0, 3)
SIZES = st.integers(1, 2000)


def dumps(pairs: Pairs, blank: str = "") -> str:
    return "{" + ",".join(f"{blank}{name}{blank}:{value}" for name, value in pairs) + blank + "}"


# These draw by themselves rather than being strategies: a strategy that is made anew for each body
# takes most of the time.


def draw_object(draw: st.DrawFn, good: Pairs) -> tuple[str, bool]:
    """Draw an object like a good one, and whether it still is one."""
    pairs = list(good)
    kind = draw(KINDS)
    place = draw(SHARES) % len(pairs)
    name, value = pairs[place]
    if kind == "good":
        return dumps(pairs, draw(BLANKS)), True
    if kind == "order":
        return dumps(pairs[place:] + pairs[:place]), True
    if kind == "escapes":
        escaped = "".join(f"\\u{ord(c):04x}" for c in json.loads(name))
        pairs[place] = (f'"{escaped}"', value)
        return dumps(pairs), True
    if kind == "value":
        pairs[place] = (name, draw(VALUES))
    elif kind == "values":
        pairs = [(name, draw(VALUES)) for name, _ in pairs[:4]] + pairs[4:]
    elif kind == "id":
        pairs[0] = (pairs[0][0], draw(VALUES))
    elif kind == "missing":
        del pairs[place]
    elif kind == "more":
        pairs.insert(place, (draw(NAMES), draw(VALUES)))
    elif kind == "many":
        pairs += [(f'"x{i}"', f'"{CANARY}"') for i in range(draw(SIZES))]
    elif kind == "twice":
        pairs.append((name, value if draw(FEW) == 0 else draw(VALUES)))
    return dumps(pairs), False


def draw_batch(draw: st.DrawFn, text: str, good: Pairs) -> str:
    kind = draw(BATCHES)
    if kind == "records":
        return f'{{"customers":[{",".join([text, *[dumps(good)] * draw(FEW)])}]}}'
    if kind == "values":
        return f'{{"customers":[{",".join(draw(VALUES) for _ in range(draw(FEW)))}]}}'
    if kind == "one":
        return f'{{"customers":{text}}}'
    if kind == "twice":
        return f'{{"customers":[],"customers":[{text}]}}'
    return f'{{"customers":[{text}],{draw(NAMES)}:{draw(VALUES)}}}'


def draw_harm(draw: st.DrawFn, harm: str, content: bytes) -> bytes:
    if harm == "cut":
        return content[: draw(SHARES) % len(content)]
    if harm == "bytes":
        spoilt = bytearray(content)
        for _ in range(1 + draw(FEW)):
            spoilt[draw(SHARES) % len(spoilt)] = draw(SHARES) % 256
        return bytes(spoilt)
    if harm == "random":
        return draw(BYTES)
    if harm == "charset":
        return content.decode("utf-8", "replace").encode(draw(CHARSETS))
    if harm == "around":
        return draw(AROUND) + content + draw(AROUND)
    if harm == "huge":
        return content + b" " * (MOST_BYTES - len(content) - 2 + draw(SIZES) % 7)
    return draw(WRAPPERS).replace(b"%s", content)


@st.composite
def bodies(draw: st.DrawFn, records: list[Pairs], id_name: str) -> list[Body]:
    """Draw what is sent to some of the routes."""
    return [draw_body(draw, records, id_name) for _ in range(BODIES_AN_EXAMPLE)]


def draw_body(draw: st.DrawFn, records: list[Pairs], id_name: str) -> Body:
    path = draw(PATHS)
    good = records[draw(SHARES) % len(records)]
    if path == "/v1/feedback":
        today = f'"{datetime.now(UTC).date()}"'
        good = [(json.dumps(id_name), GOOD_ID), ('"outcome"', '"stayed"'), ('"date"', today)]
    text, is_good = draw_object(draw, good)
    if path.endswith("/batch"):
        # a batch is answered by 200 whatever its records are, as long as it is JSON
        text, is_good = draw_batch(draw, text, good), False
    content = text.encode("utf-8", "surrogatepass")
    harm = draw(HARMS)
    if harm == "none":
        return Body(path, content, is_good)
    if harm == "chunked":
        return Body(path, content, is_good, chunk=len(content) // 50 + draw(SIZES))
    if harm == "good type":
        return Body(path, content, is_good, draw(GOOD_TYPES))
    if harm == "type":
        return Body(path, content, False, draw(CONTENT_TYPES))
    if harm == "coded":
        encoding = draw(CODINGS)
        packed = gzip.compress(content, 1) if encoding == b"gzip" else content
        return Body(path, packed, False, encoding=encoding)
    return Body(path, draw_harm(draw, harm, content), False)


@pytest.fixture(scope="module")
def records(customers: pd.DataFrame, server: Server) -> list[Pairs]:
    """Good customers, in JSON."""
    scorer = load_scorer(server.folder / "data/06_models/bundle")
    return [_pairs(row, scorer) for row in customers[:200].to_dict("records")]


def _pairs(row: Mapping[Any, Any], scorer: Scorer) -> Pairs:
    pairs = [(json.dumps(scorer.contract.id.name), GOOD_ID)]
    for column in scorer.contract.features:
        value = row[column.name]
        if not (isinstance(value, float) and math.isnan(value)):
            pairs.append((json.dumps(column.name), json.dumps(value)))
    return pairs


def test_no_body_breaks_the_service(
    server: Server, records: list[Pairs], contract: Contract
) -> None:
    connections = [Connection(server) for _ in range(6)]
    statuses: Counter[tuple[str, int]] = Counter()

    @settings(
        max_examples=math.ceil(BODIES / BODIES_AN_EXAMPLE) + 5,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies(records, contract.id.name))
    def send(sent: list[Body]) -> None:
        try:
            for start in range(0, len(sent), len(connections)):
                pairs = list(zip(connections, sent[start : start + len(connections)], strict=False))
                for connection, body in pairs:
                    connection.send(body.request(server.token))
                for connection, body in pairs:
                    answer = connection.receive()
                    statuses[body.path, answer.status] += 1
                    check(body, answer)
        except BaseException:
            for connection in connections:
                connection.close()
            raise

    send()
    assert sum(statuses.values()) >= BODIES
    for path in {route for route, _ in statuses}:
        seen = {status for (route, status) in statuses if route == path}
        assert seen >= {202 if path == "/v1/feedback" else 200, 400, 413, 415, 422}, path
    assert sum(n for (_, status), n in statuses.items() if status in (200, 202)) > BODIES / 10
    assert_nothing_leaked(server)
    assert "Traceback" not in server.log
    errors = {k: n for k, n in server.metrics().items() if k.startswith("churn_errors_total")}
    assert errors
    assert not any(errors.values())


def check(body: Body, answer: Answer) -> None:
    """Assert what holds for every answer."""
    content = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert content["request_id"]
    if body.is_good:
        assert answer.status == (202 if body.path == "/v1/feedback" else 200), content
    if answer.status == 200:
        for result in content["results"] if body.path.endswith("/batch") else [content]:
            if "errors" in result:
                assert_names_fields(result["errors"])
            else:
                assert 0 < result["churn_probability"] < 1
                assert math.isfinite(result["expected_profit"])
                assert math.isfinite(sum(result.get("contributions", {"": 0}).values()))
        return
    if answer.status == 202:
        return
    assert answer.status in (400, 413, 415, 422), content
    assert re.fullmatch(r".+[.\w)\"]", content["error"])
    assert "Traceback" not in content["error"]
    if answer.status == 422:
        assert_names_fields(content["errors"])
        assert CANARY not in json.dumps(content)
        assert CANARY_NUMBER not in json.dumps(content)
    else:
        assert set(content) == {"error", "request_id"}


def assert_names_fields(errors: list[dict[str, Any]]) -> None:
    """Assert that each complaint names a field, or is of the body or the record as a whole."""
    assert errors
    for error in errors:
        assert set(error) == {"field", "message"}
        if error["field"] is None:
            assert re.match(r"(The body|a customer is|Only|\d+ more names)", error["message"])
        else:
            # of several fields, the message is the meaning of a row rule
            assert error["field"] in error["message"] or ", " in error["field"]


def assert_nothing_leaked(server: Server) -> None:
    """Assert that no value of a customer is in what the service writes, but for the feedback."""
    answered = sum(v for n, v in server.metrics().items() if n.startswith("churn_requests_total"))
    assert answered > 0
    audit = server.folder / "data/09_serving/audit"

    def lines() -> int:
        return sum(file.read_bytes().count(b"\n") for file in audit.glob("audit-*.jsonl"))

    poll(lambda: lines() >= BODIES / 10, 10)  # they are written twice a second
    poll(lambda: list(audit.glob("refusals-*.jsonl")), 10)
    texts = {"log": server.log, "metrics": httpx.get(f"{server.url}/metrics").text}
    for file in (server.folder / "data/09_serving").rglob("*"):
        if file.is_file() and "feedback" not in file.parts:
            texts[str(file)] = file.read_text("latin-1")
    assert len(texts) > 3
    for name, text in texts.items():
        assert CANARY not in text, name
        assert CANARY_NUMBER not in text, name


def test_depths_of_nesting_are_scored_or_refused(server: Server) -> None:
    connection = Connection(server)
    shapes = {"[": "]", '{"a":': "}", '[{"a":': "}]"}
    refused: set[str] = set()
    for opening, closing in shapes.items():
        for depth in (*range(480, 520), *range(960, 1020), 5000):
            content = (opening * depth + "1" + closing * depth).encode()
            connection.send(Body("/v1/score", content, False).request(server.token))
            answer = connection.receive()
            assert answer.status in (400, 422), depth
            refused.add(json.loads(answer.body)["error"])
    assert "The body is not valid JSON: it is nested too deeply." in refused
    connection.close()


def test_a_record_of_countless_unknown_fields_does_not_hold_up_others(server: Server) -> None:
    generator = random.Random(3)
    names = {"".join(generator.choices(string.ascii_letters, k=4)) for _ in range(5000)}
    content = json.dumps(dict.fromkeys(sorted(names), 1)).encode()
    assert len(content) < MOST_BYTES
    connection = Connection(server)
    times = []
    for _ in range(5):
        begin = datetime.now(UTC)
        connection.send(Body("/v1/score", content, False).request(server.token))
        answer = connection.receive()
        times.append((datetime.now(UTC) - begin).total_seconds())
        assert answer.status == 422
        assert len(answer.body) < 20_000
    assert np.median(times) < 0.1
    connection.close()
