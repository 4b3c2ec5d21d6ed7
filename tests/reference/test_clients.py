"""The usual ways of reading a stream all give the same chunks, and each as soon as it is made."""

import contextlib
import json
import shutil
import subprocess

import httpx
import httpx_sse
import openai
import pytest
import requests

TEXTS = {
    "hello": "Hello! I am a reference model compiled by hand.",
    "emoji": "Grüße, 世界 🌍 ñandú مرحبا 👩‍👩‍👧 and in pieces: é / 語 // 🦜 fin.",
}


def asked(prompt, **parameters):
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], "stream": True, **parameters}


def with_a_loop_over_lines(url, request):
    """As in many tutorials."""
    with (
        requests.Session() as session,
        session.post(f"{url}/chat/completions", json=request, stream=True, timeout=20) as reply,
    ):
        for line in reply.iter_lines():
            if line and line.startswith(b"data: "):
                data = line[len(b"data: ") :].decode("utf-8")
                if data == "[DONE]":
                    break
                yield json.loads(data)


def with_httpx_sse(url, request):
    with (
        httpx.Client(trust_env=False) as client,
        httpx_sse.connect_sse(client, "POST", f"{url}/chat/completions", json=request) as source,
    ):
        for event in source.iter_sse():
            assert (event.event, event.id, event.retry) == ("message", "", None)
            if event.data == "[DONE]":
                break
            yield event.json()


def with_the_openai_client(url, request):
    with (
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
        client.chat.completions.create(**request) as stream,
    ):
        for chunk in stream:
            yield chunk.to_dict()


def with_curl(url, request):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    address = ["--noproxy", "*", f"{url}/chat/completions", "-H", "Content-Type: application/json"]
    command = ["curl", "-sS", "--fail", "--no-buffer", *address, "-d", json.dumps(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as curl:
        try:
            for line in curl.stdout:
                if line == "data: [DONE]\n":
                    break
                if line != "\n":
                    yield json.loads(line.removeprefix("data: "))
            assert curl.stdout.read() == "\n"
            assert curl.wait(20) == 0
        finally:
            curl.kill()


@pytest.fixture(params=[with_a_loop_over_lines, with_httpx_sse, with_the_openai_client, with_curl])
def read(request, server):
    def chunks(*args, **parameters):
        return contextlib.closing(request.param(server.url, asked(*args, **parameters)))

    return chunks


@pytest.mark.parametrize("prompt", TEXTS)
def test_every_client_reads_the_same_text(read, prompt):
    with read(prompt, stream_options={"include_usage": True}) as chunks:
        *chunks, last = chunks
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == TEXTS[prompt]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] > 0


def test_every_client_has_the_first_chunk_before_the_last_is_made(read, metrics, at_rest):
    at_rest()
    with read("count", n=4, logprobs=True, top_logprobs=20) as chunks:
        first = next(chunks)
        assert metrics()["requests_running"] == 1
    assert first["choices"][0]["delta"]["role"] == "assistant"
    at_rest()


def test_curl_tells_a_refusal_by_its_exit_code_and_shows_it(server):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    command = ["curl", "-sS", "--fail-with-body", "--noproxy", "*", f"{server.url}/chat/completions", "-d", "{"]
    done = subprocess.run([*command, "-H", "Content-Type: application/json"], capture_output=True, timeout=20)
    assert done.returncode == 22  # a status of 400 or above
    assert json.loads(done.stdout)["error"]["code"] == "invalid_json"


def test_requests_raises_for_a_refusal(server):
    with requests.Session() as session:
        reply = session.post(f"{server.url}/chat/completions", json=asked("hello", temperature=9), timeout=20)
    with pytest.raises(requests.HTTPError, match="400"):
        reply.raise_for_status()
    assert reply.json()["error"]["param"] == "temperature"


def test_httpx_sse_says_what_a_refusal_is_instead_of_a_stream(server):
    with (
        httpx.Client(trust_env=False) as client,
        httpx_sse.connect_sse(client, "POST", f"{server.url}/chat/completions", json=asked("hello", n=0)) as source,
        pytest.raises(httpx_sse.SSEError, match="application/json"),
    ):
        next(source.iter_sse())
