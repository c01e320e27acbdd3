from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_pipeline.errors import DatasetNameError, ParameterError
from churn_pipeline.serving.settings import ServingSettings, load_settings, parse_settings

FOLDER = Path("/project")
TOKENS = {
    "issuer": "https://id.example.org",
    "audience": "churn",
    "jwks": "https://id.example.org/keys",
    "scopes": {"churn-users": "score"},
}


def test_defaults_hold_where_nothing_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert settings.champion == tmp_path / "data/06_models/bundle"
    assert settings.challenger is None
    assert settings.authentication
    assert settings.allowed_networks == ()
    (tmp_path / "params.yaml").write_text("training: {folds: 5}\n")
    assert load_settings(environ={}) == settings


def test_the_params_file_is_found_and_paths_begin_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    file = folder / "params.yaml"
    file.write_text("serving: {champion: models/a, audit_log: /var/log/churn, burst: 7}\n")
    for settings in (load_settings(file, {}), load_settings(environ={"CHURN_PARAMS": str(file)})):
        assert settings.champion == folder / "models/a"
        assert settings.audit_log == Path("/var/log/churn")
        assert settings.burst == 7


def test_another_data_set_has_its_own_section_and_paths_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conf/bank/params.yaml"
    file.parent.mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("serving: {champion: data/a}\n")
    file.write_text("serving: {champion: data/bank/a}\n")
    for environ in ({"KEDRO_ENV": "bank"}, {"CHURN_PARAMS": str(file)}):
        assert load_settings(environ=environ).champion == tmp_path / "data/bank/a"
    named = {"KEDRO_ENV": "bank", "CHURN_PARAMS": "params.yaml"}
    assert load_settings(environ=named).champion == tmp_path / "data/a"
    with pytest.raises(DatasetNameError, match="there is no data set 'bnak'"):
        load_settings(environ={"KEDRO_ENV": "bnak"})


def test_the_environment_overrides_the_file() -> None:
    environ = {
        "CHURN_SERVING_MODE": "split",
        "CHURN_SERVING_CHALLENGER": "second",
        "CHURN_SERVING_CHALLENGER_SHARE": "0.25",
        "CHURN_SERVING_AUTHENTICATION": "false",
        "CHURN_SERVING_ALLOWED_NETWORKS": "[10.0.0.0/8, '::1']",
        "CHURN_SERVING_CORS_ORIGINS": "[https://example.org/]",
        "CHURN_SERVING_BURST": "9",
    }
    settings = parse_settings({"mode": "shadow", "burst": "many"}, FOLDER, environ)
    assert settings.mode == "split"
    assert settings.challenger == FOLDER / "second"
    assert settings.challenger_share == 0.25
    assert not settings.authentication
    assert settings.allowed_networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert settings.cors_origins == ("https://example.org",)
    assert settings.burst == 9  # and the wrong value in the file does no harm


def test_variables_that_kubernetes_sets_are_not_settings() -> None:
    environ = {
        "CHURN_SERVING_SERVICE_HOST": "10.1.2.3",
        "CHURN_SERVING_SERVICE_PORT": "3000",
        "CHURN_SERVING_SERVICE_PORT_HTTP": "3000",
        "CHURN_SERVING_PORT": "tcp://10.1.2.3:3000",
        "CHURN_SERVING_PORT_3000_TCP": "tcp://10.1.2.3:3000",
        "CHURN_SERVING_PORT_3000_TCP_ADDR": "10.1.2.3",
    }
    assert parse_settings({}, FOLDER, environ) == parse_settings({}, FOLDER, {})


@pytest.mark.parametrize(
    "jwks",
    ["https://id.example.org:8443/keys?x=1", "http://127.0.0.1:9/k", "http://[::1]/k",
     "http://localhost/k"],
)  # fmt: skip
def test_tokens_are_those_of_one_issuer(jwks: str) -> None:
    assert parse_settings({}, FOLDER, {}).tokens is None
    section = {"api_keys": "secret/keys.json", "tokens": TOKENS | {"jwks": jwks}}
    tokens = parse_settings(section, FOLDER, {}).tokens
    assert tokens is not None
    assert tokens.jwks == jwks
    assert tokens.scopes == {"churn-users": frozenset({"score"})}
    assert tokens.algorithms == ("RS256", "ES256", "EdDSA")
    assert tokens.revoked == FOLDER / "secret/revoked_tokens.json"
    files = {"jwks": "keys/jwks.json", "revoked": "/etc/churn/revoked.json"}
    environ = {"CHURN_SERVING_TOKENS": json.dumps(TOKENS | files)}
    tokens = parse_settings(section, FOLDER, environ).tokens
    assert tokens is not None
    assert tokens.jwks == FOLDER / "keys/jwks.json"
    assert tokens.revoked == Path("/etc/churn/revoked.json")
    assert parse_settings(section, FOLDER, {"CHURN_SERVING_TOKENS": "null"}).tokens is None


@pytest.mark.parametrize(
    ("section", "parts"),
    [
        ({"max_bodybytes": 5}, ["serving.max_bodybytes", "did you mean max_body_bytes?"]),
        ({"max_bodies_bytes": 10**6}, ["serving.max_bodies_bytes is 1,000,000", "raise it"]),
        ({"request_seconds": 0}, ["serving.request_seconds is 0", "from 0.1"]),
        ({"max_connections": 0}, ["serving.max_connections is 0"]),
        ({"colour": 5}, ["serving.colour", "valid keys: champion, "]),
        ({3: 5}, ["serving.3 is not a key"]),
        ({"mode": "canary"}, ["serving.mode is 'canary'", "champion, shadow, split"]),
        ({"mode": ["split"]}, ["serving.mode is ['split']"]),
        ({"mode": "shadow"}, ["serving.mode is 'shadow'", "needs a serving.challenger"]),
        ({"challenger_share": 1.5}, ["serving.challenger_share is 1.5", "from 0 to 1"]),
        ({"challenger_share": True}, ["serving.challenger_share is True"]),
        ({"challenger_share": float("nan")}, ["serving.challenger_share is nan"]),
        ({"requests_per_second": 0}, ["serving.requests_per_second is 0", "above 0"]),
        ({"requests_per_second": "many"}, ["serving.requests_per_second is 'many'"]),
        ({"burst": 0}, ["serving.burst is 0", "whole number from 1"]),
        ({"burst": 1.0}, ["serving.burst is 1.0"]),
        ({"audit_files": False}, ["serving.audit_files is False"]),
        ({"audit_failure": "ignore"}, ["serving.audit_failure is 'ignore'", "refuse, continue"]),
        ({"audit_to": "syslog"}, ["serving.audit_to is 'syslog'", "file, stdout, both"]),
        ({"log_format": "xml"}, ["serving.log_format is 'xml'", "text, json"]),
        ({"authentication": "on"}, ["serving.authentication is 'on'", "true or false"]),
        ({"champion": None}, ["serving.champion is None", "path"]),
        ({"api_keys": " "}, ["serving.api_keys is ' '"]),
        ({"allowed_networks": "10.0.0.0/8"}, ["serving.allowed_networks", "list of texts"]),
        ({"allowed_networks": ["10.0.0.1/8"]}, ["'10.0.0.1/8'", "did you mean 10.0.0.0/8?"]),
        ({"allowed_networks": ["example.org"]}, ["'example.org'", "10.0.0.0/8"]),
        ({"public_routes": ["/v1/score"]}, ["serving.public_routes holds '/v1/score'", "/docs"]),
        ({"public_routes": "/docs"}, ["serving.public_routes is '/docs'", "a list"]),
        ({"metrics_networks": ["10.0.0.1/8"]}, ["metrics_networks", "did you mean 10.0.0.0/8?"]),
        ({"cors_origins": ["*"]}, ["serving.cors_origins holds '*'", "https://example.org"]),
        ({"cors_origins": ["https://a.org/x"]}, ["holds 'https://a.org/x'"]),
        ({"cors_origins": ["https://a.org:port"]}, ["holds 'https://a.org:port'"]),
        ({"cors_origins": ["https://*.a.org"]}, ["holds 'https://*.a.org'"]),
        ({"cors_origins": [3]}, ["serving.cors_origins is [3]"]),
        ({"tokens": []}, ["serving.tokens must be null", "issuer, audience, jwks and scopes"]),
        ({"tokens": {}}, ["serving.tokens has no issuer"]),
        ({"tokens": TOKENS | {"issue": "x"}}, ["holds issue", "did you mean issuer?"]),
        ({"tokens": TOKENS | {"issuer": 3}}, ["serving.tokens holds issuer: 3", "a text"]),
        ({"tokens": TOKENS | {"audience": []}}, ["holds audience: []", "list of texts"]),
        ({"tokens": TOKENS | {"jwks": "http://id.example.org/k"}}, ["holds jwks", "https"]),
        ({"tokens": TOKENS | {"jwks": "http://127.0.0.1.example.org/k"}}, ["holds jwks"]),
        ({"tokens": TOKENS | {"jwks": "https://user@example.org/k"}}, ["holds jwks"]),
        ({"tokens": TOKENS | {"jwks": "ftp://127.0.0.1/k"}}, ["holds jwks"]),
        ({"tokens": TOKENS | {"jwks": "https://:443/k"}}, ["holds jwks"]),
        ({"tokens": TOKENS | {"jwks": "https://example.org:port/k"}}, ["holds jwks"]),
        ({"tokens": TOKENS | {"algorithms": ["HS256"]}}, ["['HS256']", "RS256, ES256, EdDSA"]),
        ({"tokens": TOKENS | {"algorithms": ["none"]}}, ["holds algorithms"]),
        ({"tokens": TOKENS | {"algorithms": []}}, ["holds algorithms"]),
        ({"tokens": TOKENS | {"scopes": {}}}, ["holds scopes: {}", "churn-users"]),
        (
            {"tokens": TOKENS | {"scopes": {"a": "all"}}},
            ["score, explain, feedback, admin, metrics"],
        ),
        ({"tokens": TOKENS | {"scopes": {"a": []}}}, ["holds scopes"]),
        ({"tokens": TOKENS | {"leeway": 301}}, ["holds leeway: 301", "from 0 to 300"]),
        ({"tokens": TOKENS | {"leeway": True}}, ["holds leeway: True"]),
        ({"tokens": TOKENS | {"max_age_seconds": 60}}, ["max_age_seconds below refresh"]),
        ([], ["serving must be a mapping"]),
        ({"burst": 0, "audit_files": 0}, ["serving.burst", "; ", "serving.audit_files"]),
    ],
)
def test_mistakes_are_named(section: Any, parts: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_settings(section, FOLDER, {})
    for part in ["params.yaml: ", *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"CHURN_SERVING_BUST": "3"}, ["CHURN_SERVING_BUST", "did you mean burst?"]),
        ({"CHURN_SERVING_BURST": "many"}, ["CHURN_SERVING_BURST is 'many'"]),
        ({"CHURN_SERVING_BURST": ""}, ["CHURN_SERVING_BURST is None"]),
        ({"CHURN_SERVING_MODE": "[split"}, ["CHURN_SERVING_MODE is no YAML value"]),
        ({"CHURN_SERVING_MODE": "split"}, ["CHURN_SERVING_MODE is 'split'", "challenger"]),
    ],
)
def test_mistakes_in_the_environment_are_named(environ: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_settings({}, FOLDER, environ)
    for part in parts:
        assert part in str(caught.value)


def test_a_faulty_line_is_named_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("serving:\n  redis: 'redis://:secret@host\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"is no YAML: .*, in line 3") as caught:
        load_settings(file, {})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["absent.yaml cannot be read", "CHURN_PARAMS"]),
        ("serving: [", ["absent.yaml is no YAML"]),
        ("- serving", ["absent.yaml must be a mapping of sections"]),
        (b"\xff\xfe\xfa", ["absent.yaml is no YAML"]),
    ],
)
def test_an_unusable_file_is_named(
    tmp_path: Path, content: str | bytes | None, parts: list[str]
) -> None:
    path = tmp_path / "absent.yaml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ParameterError) as caught:
        load_settings(environ={"CHURN_PARAMS": str(path)})
    for part in parts:
        assert part in str(caught.value)


def test_the_projects_own_params_are_good_and_complete(root: Path) -> None:
    section = yaml.safe_load((root / "params.yaml").read_text()).get("serving")
    if section is None:
        pytest.skip("params.yaml has no section serving")
    settings = parse_settings(section, root, {})
    assert settings.authentication
    assert settings.cors_origins == ()
    assert isinstance(settings, ServingSettings)


def test_an_address_of_redis_is_checked_and_never_shown() -> None:
    good = "rediss://user:Xq7secret@redis.example.org:6380/2"
    assert parse_settings({"redis": good}, FOLDER, {}).redis == good
    bad = ["Xq7secret", "http://:Xq7secret@host", "redis://", "redis://:Xq7secret@host/a", 5]
    for value in bad:
        with pytest.raises(ParameterError, match=r"serving\.redis is no address") as caught:
            parse_settings({"redis": value}, FOLDER, {})
        assert "Xq7secret" not in str(caught.value)


def test_a_group_is_a_name_for_a_folder() -> None:
    assert parse_settings({"deployment_group": "front-1"}, FOLDER, {}).deployment_group == "front-1"
    for value in ("../a", "", "A", 5):
        with pytest.raises(ParameterError, match=r"serving\.deployment_group is"):
            parse_settings({"deployment_group": value}, FOLDER, {})


def test_a_bento_keeps_what_it_writes_where_it_was_started(tmp_path: Path) -> None:
    source = tmp_path / "store/src"
    source.mkdir(parents=True)
    (source / "params.yaml").write_text("serving: {champion: models/a}\n")
    environ = {"CHURN_PARAMS": str(source / "params.yaml"), "CHURN_STARTED_IN": str(tmp_path)}
    assert load_settings(environ=environ).audit_log == source / "data/09_serving/audit"
    (tmp_path / "store/bento.yaml").write_text("")
    settings = load_settings(environ=environ)
    assert settings.champion == source / "models/a"
    assert settings.audit_log == tmp_path / "data/09_serving/audit"
    assert settings.api_keys == tmp_path / "conf/local/api_keys.json"
