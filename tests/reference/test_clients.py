"""The usual ways of reading a stream all give the same text."""

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


def body(prompt):
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], "stream": True}


def with_a_loop_over_lines(url, prompt):
    """As in many tutorials."""
    text = ""
    with requests.post(f"{url}/chat/completions", json=body(prompt), stream=True, timeout=20) as reply:
        for line in reply.iter_lines():
            if line and line.startswith(b"data: "):
                data = line[len(b"data: ") :].decode("utf-8")
                if data == "[DONE]":
                    break
                text += json.loads(data)["choices"][0]["delta"].get("content", "")
    return text


def with_httpx_sse(url, prompt):
    text = ""
    with (
        httpx.Client(trust_env=False) as client,
        httpx_sse.connect_sse(client, "POST", f"{url}/chat/completions", json=body(prompt)) as source,
    ):
        for event in source.iter_sse():
            assert event.event == "message"
            if event.data != "[DONE]":
                text += event.json()["choices"][0]["delta"].get("content", "")
    return text


def with_the_openai_client(url, prompt):
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        chunks = client.chat.completions.create(**body(prompt))
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def with_its_stream_helper(url, prompt):
    request = {name: value for name, value in body(prompt).items() if name != "stream"}
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    with client, client.chat.completions.stream(**request) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        assert stream.get_final_completion().choices[0].message.content == text
    return text


def with_curl(url, prompt):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    command = ["curl", "-sN", "--noproxy", "*", f"{url}/chat/completions", "-H", "Content-Type: application/json"]
    output = subprocess.run(
        [*command, "-d", json.dumps(body(prompt))], capture_output=True, check=True, timeout=20
    ).stdout
    lines = [line.removeprefix("data: ") for line in output.decode().split("\n") if line]
    assert lines.pop() == "[DONE]"
    return "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines)


@pytest.mark.parametrize("prompt", TEXTS)
@pytest.mark.parametrize(
    "read", [with_a_loop_over_lines, with_httpx_sse, with_the_openai_client, with_its_stream_helper, with_curl]
)
def test_every_client_reads_the_same_text(server, read, prompt):
    assert read(server.url, prompt) == TEXTS[prompt]


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nope"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"temperature": 5}, openai.BadRequestError),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_refusals_become_the_exceptions_of_the_openai_client(client, changes, error, stream):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**body("hello") | {"stream": stream} | changes)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id.startswith("req_")


def test_the_openai_client_runs_a_tool_and_comes_back(client):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]
    messages = [{"role": "user", "content": "weather"}]
    with client.chat.completions.stream(model="scripted", messages=messages, tools=tools) as stream:
        message = stream.get_final_completion().choices[0].message
    [call] = message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "21"}]
    answer = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
    assert "sunny" in answer.choices[0].message.content


def test_the_openai_client_lists_the_model(client):
    assert [model.id for model in client.models.list()] == ["scripted"]
    assert client.models.retrieve("scripted").owned_by == "openai-conformance"
