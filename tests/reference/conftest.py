"""A reference server for all tests of this folder, started once a session as a process of its own."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import time

import httpx
import pytest

from reference_server.launchers import launch


@pytest.fixture(scope="session", autouse=True)
def without_proxy():
    """Whatever proxy the environment names, clients reach a server on this machine directly."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1", prepend=",")
        yield


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory):
    """An empty cache folder: the scripted model is built for these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONFORMANCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def engine_extra():
    for module in ("llama_cpp", "gguf", "uvicorn", "starlette"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: it belongs to the extra 'reference'")


@pytest.fixture(scope="session")
def server(engine_extra, model_cache):
    with launch("reference") as running:
        yield running


@pytest.fixture(scope="session")
def model(engine_extra, model_cache):
    """The scripted model without an engine."""
    from reference_server.engine.model import Model
    from reference_server.model import scripted_model

    model = Model(scripted_model(), sequences=1, context=64, batch=8)
    yield model
    model.close()


@pytest.fixture(scope="session")
def serve(engine_extra, model_cache):
    """Start a server with options of its own; it ends with the `with` block."""

    @contextlib.contextmanager
    def start(*options, **environment):
        command = [sys.executable, "-m", "reference_server", "--port", "0", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as process:
            try:
                yield process.stdout.readline().split()[-1], process
            finally:
                process.terminate()

    return start


@pytest.fixture(scope="session")
def http(server):
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def ask(http):
    """Ask for an answer that is not streamed."""

    def send(prompt="hello", **parameters):
        return http.post("/chat/completions", json=request(prompt, **parameters))

    return send


@pytest.fixture
def stream(http):
    """Ask for a streamed answer, and give its events' data without the marker at the end."""

    def send(prompt="hello", **parameters):
        reply = http.post("/chat/completions", json=request(prompt, stream=True, **parameters))
        assert reply.status_code == 200, reply.text
        *blocks, rest = reply.content.decode().split("\n\n")
        assert rest == ""
        assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
        assert blocks[-1] == "data: [DONE]"
        return [httpx.Response(200, content=block.removeprefix("data: ")).json() for block in blocks[:-1]]

    return send


def request(prompt, **parameters):
    messages = parameters.pop("messages", [{"role": "user", "content": prompt}])
    return {"model": "scripted", "messages": messages, **parameters}


@pytest.fixture(scope="session")
def metrics(server):
    """Read the server's numbers by their Prometheus names, without the prefix of our own."""
    from prometheus_client.parser import text_string_to_metric_families

    url = server.url.removesuffix("/v1") + "/metrics"
    with httpx.Client(timeout=20, trust_env=False) as client:

        def read():
            families = text_string_to_metric_families(client.get(url).text)
            return {s.name.removeprefix("reference_server_"): s.value for family in families for s in family.samples}

        yield read


@pytest.fixture(scope="session")
def at_rest(metrics):
    """Wait until the server makes nothing any more; gives its numbers then."""

    def wait(patience=10.0):
        deadline = time.monotonic() + patience
        while (now := metrics())["requests_running"] or now["requests_waiting"]:
            assert time.monotonic() < deadline, f"work goes on: {now}"
            time.sleep(0.01)
        return now

    return wait
