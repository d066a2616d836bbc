"""The manifests: by Kubernetes' types, and by rules about what one object names of another."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from fog_aggregator.components.http.access.guard import Reach
from fog_aggregator.components.http.routes import ROUTES
from tests.deployments.containers.programs import of_container, starts_within
from tests.deployments.containers.schemas import problems
from tests.deployments.containers.sources import (
    KUBERNETES,
    Document,
    containers,
    judge,
    kustomizations,
    manifests,
    of_kind,
    pod,
    workloads,
)
from tests.deployments.shipped import DEPLOY
from tests.house.source import read

OPEN: Final = {route.path for route in ROUTES if route.reach is Reach.OPEN}
MONITOR: Final = "ServiceMonitor"
OF_THE_OPERATOR: Final = {MONITOR, "PrometheusRule"}
"""Kinds that Kubernetes itself has no types of."""
NAME: Final = "kubernetes.io/metadata.name"


def identity(one: Document) -> str:
    """Name an object."""
    return f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


BY_IDENTITY: Final = {identity(one): one for one in manifests()}


def labels(one: Document) -> dict[str, str]:
    """Return the labels of an object."""
    found: dict[str, str] = one["metadata"].get("labels", {})
    return found


def chosen(selector: dict[str, str], namespace: str) -> list[Document]:
    """List the workloads in a namespace whose pods a selector chooses."""
    return [
        one
        for one in workloads()
        if one["metadata"]["namespace"] == namespace and selector.items() <= labels(pod(one)).items()
    ]


def ports_of(workload: Document) -> set[Any]:
    """Collect the ports of a workload's pods, by number and by name."""
    named = [port for one in pod(workload)["spec"]["containers"] for port in one.get("ports", ())]
    return {port["name"] for port in named} | {port["containerPort"] for port in named}


@pytest.mark.parametrize("name", [name for name, one in BY_IDENTITY.items() if one["kind"] not in OF_THE_OPERATOR])
def test_an_object_is_as_kubernetes_has_it(name: str) -> None:
    """No field is unknown, missing, or of another type."""
    assert problems(BY_IDENTITY[name]) == []


def test_the_types_find_what_is_wrong() -> None:
    """An unknown field, one that is missing and one of another type are each named by their place."""
    container = {"image": "x", "ports": [{"containerPort": "80"}], "comand": []}
    broken = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    assert problems(broken) == [
        "Pod.spec.containers[0].ports[0].containerPort: '80' is no int",
        "Pod.spec.containers[0].comand: unknown",
        "Pod.spec.containers[0].name: missing",
    ]


def test_every_object_is_in_a_namespace_that_is_made() -> None:
    """No object lands wherever somebody's kubectl happens to point; no two have one name."""
    made = {one["metadata"]["name"] for one in of_kind("Namespace")}
    assert {one["metadata"]["namespace"] for one in manifests() if one["kind"] != "Namespace"} == made
    assert len(BY_IDENTITY) == len(manifests())


def selectors() -> Iterator[tuple[str, dict[str, str], str]]:
    """List what chooses pods: who does, by which labels, in which namespace."""
    for one in manifests():
        namespace, spec = one["metadata"].get("namespace", ""), one.get("spec", {})
        if one["kind"] in ("DaemonSet", "StatefulSet", "PodDisruptionBudget"):
            yield identity(one), spec["selector"]["matchLabels"], namespace
        elif one["kind"] == "Service":
            yield identity(one), spec["selector"], namespace
        elif one["kind"] == "NetworkPolicy" and spec["podSelector"]:
            yield identity(one), spec["podSelector"]["matchLabels"], namespace
    for workload in workloads():
        for spread in pod(workload)["spec"].get("topologySpreadConstraints", ()):
            selector, namespace = spread["labelSelector"]["matchLabels"], workload["metadata"]["namespace"]
            yield f"spread of {identity(workload)}", selector, namespace


@pytest.mark.parametrize(("who", "selector", "namespace"), list(selectors()))
def test_a_selector_chooses_pods(who: str, selector: dict[str, str], namespace: str) -> None:
    """Of exactly one workload; a workload chooses its own."""
    (found,) = chosen(selector, namespace)
    assert found["kind"] not in who or identity(found) in who


@pytest.mark.parametrize("name", [identity(one) for one in of_kind("Service")])
def test_a_service_leads_to_a_port(name: str) -> None:
    """The pods that it chooses have the port that it names."""
    service = BY_IDENTITY[name]
    (workload,) = chosen(service["spec"]["selector"], service["metadata"]["namespace"])
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports_of(workload)


@pytest.mark.parametrize("name", [identity(one) for one in of_kind("StatefulSet")])
def test_a_set_has_its_service(name: str) -> None:
    """By which each of its pods has a name."""
    namespace = BY_IDENTITY[name]["metadata"]["namespace"]
    assert f"Service/{namespace}/{BY_IDENTITY[name]['spec']['serviceName']}" in BY_IDENTITY


CONTAINERS: Final = {f"{identity(workload)}/{one['name']}": (workload, one) for workload, one in containers()}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_confined(name: str) -> None:
    """As the level `restricted` asks, and with a root that is read-only; what it may take is bounded."""
    workload, one = CONTAINERS[name]
    spec, own = pod(workload)["spec"], one["securityContext"]
    assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"], own["capabilities"]) == (
        False,
        True,
        {"drop": ["ALL"]},
    )
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "a service called fog gives variables that begin with FOG_"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert {"cpu", "memory"} <= one["resources"]["requests"].keys()
    assert "memory" in one["resources"]["limits"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_a_container_mounts_is_there(name: str) -> None:
    """Each mount has its volume, each volume its mount; maps are generated, secrets made as deploy/README.md says."""
    workload, one = CONTAINERS[name]
    volumes = {volume["name"]: volume for volume in pod(workload)["spec"].get("volumes", ())}
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())}
    assert {mount["name"] for mount in one.get("volumeMounts", ())} == volumes.keys() | claims
    made = {
        (made["name"], made["namespace"])
        for kustomization in kustomizations().values()
        for made in kustomization.get("configMapGenerator", ())
    }
    for volume in volumes.values():
        if "configMap" in volume:
            wanted = volume["configMap"]["name"], workload["metadata"]["namespace"]
            assert wanted in made or f"create configmap {wanted[0]} " in read("deploy/README.md"), wanted
        if "secret" in volume:
            assert f"create secret generic {volume['secret']['secretName']} " in read("deploy/README.md")
        assert "hostPath" not in volume or workload["metadata"]["namespace"] == "fog-agents"
    for mount in one.get("volumeMounts", ()):
        assert mount.get("readOnly") or mount["name"] in claims or "emptyDir" in volumes[mount["name"]], mount


@pytest.mark.parametrize("name", [name for name, (_, one) in CONTAINERS.items() if one["image"].startswith("fog-")])
def test_a_container_of_ours_has_options_that_are_there(name: str) -> None:
    """Its command takes each of its words, knows each of its variables, and can use their values."""
    assert list(of_container(CONTAINERS[name][1]).problems()) == []


def test_one_of_the_pair_asks_whichever_is_ready() -> None:
    """At a service without those that are not, as it is itself then; the token is in a secret of the README's."""
    (one,) = pod(BY_IDENTITY["StatefulSet/fog/fog-aggregator"])["spec"]["containers"]
    given = {variable["name"]: variable for variable in one["env"]}
    host, _, port = given["FOG_BOOTSTRAP"]["value"].partition("@")[2].partition(":")
    service = BY_IDENTITY["Service/{1}/{0}".format(*host.split("."))]["spec"]
    assert "publishNotReadyAddresses" not in service
    assert int(port) in {exposed["port"] for exposed in service["ports"]}
    assert given["BOOTSTRAP_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "fog-http", "key": "bootstrap.token"}
    assert "--from-file bootstrap.token" in read("deploy/README.md")


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_probe_asks_what_is_served(name: str) -> None:
    """At a port that the container has, and a route that asks for no login."""
    workload, one = CONTAINERS[name]
    probes = {probe: one[probe]["httpGet"] for probe in one if probe.endswith("Probe") and "httpGet" in one[probe]}
    for asked in probes.values():
        assert asked["port"] in ports_of(workload)
        assert asked["path"] in OPEN
    if one["name"] == "aggregator":
        assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/-/healthy"
        assert probes["readinessProbe"]["path"] == "/-/ready"
        assert one["startupProbe"]["periodSeconds"] * one["startupProbe"]["failureThreshold"] >= 300


def test_the_monitor_asks_as_the_shipped_prometheus_does() -> None:
    """The jobs of deploy/prometheus.yml, at a port of a service that it chooses, with a secret of the README's."""
    (monitor,) = of_kind(MONITOR)
    spec, namespace = monitor["spec"], monitor["metadata"]["namespace"]
    (service,) = (one for one in of_kind("Service") if spec["selector"]["matchLabels"].items() <= labels(one).items())
    assert spec["namespaceSelector"] == {"matchNames": [namespace]}
    ports = {port["name"] for port in service["spec"]["ports"]}
    found = {}
    for endpoint in spec["endpoints"]:
        (job,) = (one["replacement"] for one in endpoint["relabelings"] if one.get("targetLabel") == "job")
        found[job] = (endpoint["honorLabels"], endpoint["interval"], endpoint.get("params"))
        assert endpoint["port"] in ports
        assert endpoint["authorization"]["credentials"] == {"name": "fog-http", "key": "prometheus.token"}
    shipped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    assert found == {
        one["job_name"]: (one["honor_labels"], one["scrape_interval"], one.get("params")) for one in shipped
    }
    assert "--from-file prometheus.token" in read("deploy/README.md")


def test_a_prometheus_tells_that_no_aggregator_answers() -> None:
    """The one alert that aggregators cannot raise is a rule of the operator's Prometheus."""
    (rule,) = of_kind("PrometheusRule")
    assert rule["spec"]["groups"] == yaml.safe_load((DEPLOY / "fog_rules.yml").read_text())["groups"][:1]


def peers(policy: Document, way: str) -> Iterator[tuple[Document, Any]]:
    """List the ends of a policy's one way, each with the ports."""
    side = "from" if way == "ingress" else "to"
    for rule in policy["spec"].get(way, ()):
        yield from ((peer, {port["port"] for port in rule["ports"]}) for peer in rule[side])


def allowed(policy: Document, way: str) -> set[tuple[str, str, Any]]:
    """Collect the workloads of ours that a policy's one way names, with the ports."""
    found = set()
    for peer, ports in peers(policy, way):
        where = peer.get("namespaceSelector", {}).get("matchLabels", {NAME: policy["metadata"]["namespace"]})[NAME]
        for one in chosen(peer.get("podSelector", {}).get("matchLabels", {}), where):
            found |= {(where, one["metadata"]["name"], port) for port in ports}
    return found


def test_who_may_speak_to_whom() -> None:
    """Agents, aggregators and the administrator's job speak to NATS, the pair to each other, nobody to others."""
    policies = {one["metadata"]["name"]: one for one in of_kind("NetworkPolicy")}
    nats = {("fog", "nats", 4222)}
    of_the_pair = {"fog-aggregator": {("fog", "fog-aggregator", 10364)}}
    for name in ("fog-agent", "fog-aggregator", "fog-streams"):
        assert allowed(policies[name], "egress") == nats | of_the_pair.get(name, set()), name
    assert allowed(policies["fog-aggregator"], "ingress") == {("fog", "fog-aggregator", "http")}
    senders = {("fog-agents", "fog-agent"), ("fog", "fog-aggregator"), ("fog", "fog-streams")}
    assert senders <= {one[:2] for one in allowed(policies["nats"], "ingress")}
    assert "ingress" not in policies["fog-agent"]["spec"]
    assert {one["metadata"]["namespace"] for one in of_kind("NetworkPolicy") if not one["spec"]["podSelector"]} == {
        "fog",
        "fog-agents",
    }


def test_ports_of_policies_are_there() -> None:
    """A policy lets in to a port that the pods have, by its name or its number."""
    for policy in of_kind("NetworkPolicy"):
        if policy["spec"].get("ingress"):
            (workload,) = chosen(policy["spec"]["podSelector"]["matchLabels"], policy["metadata"]["namespace"])
            assert {port for _, ports in peers(policy, "ingress") for port in ports} <= ports_of(workload)
    (service,) = (one for one in of_kind("Service") if one["metadata"]["name"] == "nats")
    assert [port["port"] for port in service["spec"]["ports"]] == [4222]


def test_an_aggregator_has_memory_enough() -> None:
    """It takes half of its limit, and refuses to start with too little; the trial has less."""
    patch = yaml.safe_load((KUBERNETES / "overlays" / "trial" / "small-aggregator.yaml").read_text())
    for one in (BY_IDENTITY["StatefulSet/fog/fog-aggregator"], patch):
        (container,) = pod(one)["spec"]["containers"]
        assert starts_within(container["resources"]["limits"]["memory"])


@pytest.mark.parametrize("copy", ["base/fog.toml", "nats/nats-server-jwt.conf"])
def test_copies_are_the_same(copy: str) -> None:
    """Kustomize reads nothing above its folder, so that it needs a copy."""
    assert (KUBERNETES / copy).read_bytes() == (DEPLOY / Path(copy).name).read_bytes()


@pytest.mark.skipif(judge("kubectl") is None, reason="kubectl is not installed: make judges")
@pytest.mark.parametrize("folder", kustomizations(), ids=lambda folder: folder.name)
def test_kustomize_builds_it(folder: Path) -> None:
    """All files are found, all patches fit, and what comes out is as Kubernetes has it, too."""
    done = subprocess.run(
        [str(judge("kubectl")), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    built = list(yaml.safe_load_all(done.stdout))
    assert [line for one in built if one["kind"] not in OF_THE_OPERATOR for line in problems(one)] == []
    images = {c["image"] for one in built if "template" in one.get("spec", {}) for c in pod(one)["spec"]["containers"]}
    assert all(":" in image for image in images)
    made = {one["metadata"]["name"] for one in built if one["kind"] == "ConfigMap"}
    for one in built:
        for volume in pod(one)["spec"]["volumes"] if "template" in one.get("spec", {}) else ():
            assert volume.get("configMap", {"name": "nats-resolver"})["name"] in made | {"nats-resolver"}


@pytest.mark.skipif(judge("kubectl") is None, reason="kubectl is not installed: make judges")
def test_the_trial_fits_one_machine() -> None:
    """Both aggregators may be on it, its images are the ones that were built there, and it needs no operator."""
    command = [str(judge("kubectl")), "kustomize", str(KUBERNETES / "overlays" / "trial")]
    built = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    objects = {identity(one): one for one in yaml.safe_load_all(built)}
    assert not {one["kind"] for one in objects.values()} & OF_THE_OPERATOR
    spec = pod(objects["StatefulSet/fog/fog-aggregator"])["spec"]
    assert {one["whenUnsatisfiable"] for one in spec["topologySpreadConstraints"]} == {"ScheduleAnyway"}
    ours = [
        one["spec"]["template"]["spec"]["containers"][0]
        for name, one in objects.items()
        if "/fog-" in name and "template" in one.get("spec", {})
    ]
    assert {(one["image"], one["imagePullPolicy"]) for one in ours} == {
        ("fog-agent:latest", "Never"),
        ("fog-aggregator:latest", "Never"),
    }
    assert [problem for one in ours for problem in of_container(one).problems()] == []
    variables = {variable["name"] for one in ours for variable in one["env"]}
    assert "FOG_ALERTMANAGER" not in variables, "nobody is there"
