"""How bodies are drawn that a service has to bear: good ones, and ones that are spoilt."""

from __future__ import annotations

import gzip
import json
import math
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from churn_pipeline.scorer import Scorer

MOST_BYTES = 60_000
CANARY = "Zyzzyva"  # in ids and texts of customers, and in nothing else
CANARY_NUMBER = "73190442"  # likewise in numbers
BODIES_AN_EXAMPLE = 30


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


def good_pairs(row: Mapping[Any, Any], scorer: Scorer) -> Pairs:
    """Return a good customer in JSON."""
    pairs = [(json.dumps(scorer.contract.id.name), GOOD_ID)]
    for column in scorer.contract.features:
        value = row[column.name]
        if not (isinstance(value, float) and math.isnan(value)):
            pairs.append((json.dumps(column.name), json.dumps(value)))
    return pairs
