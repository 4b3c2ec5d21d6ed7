"""Models that follow no script: byte-level vocabularies, templates of many kinds, and noise for answers."""

import contextlib
import json
import math

import httpx
import pytest

import conformance.requirements  # noqa: F401 - declares them
from conformance.exchange import from_json
from conformance.judge import judge
from conformance.profile import load
from conformance.requirement import REGISTRY

pytest.importorskip("gguf", reason="it belongs to the extra 'reference'")
from byte_level_model import CHATML, CONTROLS, write

MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
PROPERTIES = {"a": {"type": "boolean"}, "b": {"enum": ["x", "y"]}}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["a", "b"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}
NOISE = {"text-no-replacement-character"}  # it is the model that writes halves of characters


@pytest.fixture(scope="module")
def models(serve, tmp_path_factory):
    """Servers of models by the arguments that they are written with, each started once."""
    with contextlib.ExitStack() as stack:
        running = {}

        def client(template=CHATML, **options):
            key = template, *sorted(options.items())
            if key not in running:
                path = write(tmp_path_factory.mktemp("model") / "noise.gguf", template, **options)
                url, _ = stack.enter_context(serve("--model", str(path), "--context", "1024"))
                running[key] = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
            return running[key]

        yield client


def chat(client, content="hello", **parameters):
    messages = parameters.pop("messages", [{"role": "user", "content": content}])
    return client.post("/chat/completions", json={"model": "noise", "messages": messages, **parameters})


def prompt_tokens(client, content):
    return chat(client, content, max_tokens=1).json()["usage"]["prompt_tokens"]


def exchanged(reply):
    return from_json(
        {
            "endpoint": reply.request.url.path,
            "request": json.loads(reply.request.content),
            "status": reply.status_code,
            "headers": dict(reply.headers),
            "body": reply.text,
        }
    )


def findings(*replies):
    """The rules that the exchanges break, down to those that OpenAI alone keeps."""
    verdicts = judge(REGISTRY.requirements.values(), [exchanged(reply) for reply in replies], load("strict"))
    return {verdict.requirement.id for verdict in verdicts if verdict.findings} - NOISE


def joined(reply):
    """The text, the reasoning and the calls of a streamed answer, by choice, with the finish reason."""
    *blocks, marker, rest = reply.text.split("\n\n")
    assert (marker, rest) == ("data: [DONE]", "")
    found = {}
    for block in blocks:
        for choice in json.loads(block.removeprefix("data: "))["choices"]:
            text, thought, calls, _ = found.get(choice["index"], ("", "", (), None))
            delta = choice["delta"]
            for call in delta.get("tool_calls", ()):
                function = call["function"]
                if call["index"] == len(calls):
                    calls = (*calls, (function["name"], ""))
                name, arguments = calls[call["index"]]
                calls = (*calls[: call["index"]], (name, arguments + function["arguments"]))
            text += delta.get("content") or ""
            thought += delta.get("reasoning_content") or ""
            found[choice["index"]] = text, thought, calls, choice["finish_reason"]
    return [found[index] for index in sorted(found)]


def told(reply):
    """The same of a whole answer."""
    return [
        (
            choice["message"]["content"] or "",
            choice["message"].get("reasoning_content", ""),
            tuple((c["function"]["name"], c["function"]["arguments"]) for c in choice["message"].get("tool_calls", ())),
            choice["finish_reason"],
        )
        for choice in reply.json()["choices"]
    ]


@pytest.mark.parametrize("favoured", [(), MARKUP])
@pytest.mark.parametrize("temperature", [0, 0.7, 2])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n": 3},
        {"logprobs": True, "top_logprobs": 3},
        {"stop": ["a", "é", "th", "<"]},
        {"tools": [TOOL]},
        {"tools": [TOOL], "tool_choice": "required"},
        {"response_format": FORMAT},
        {"response_format": FORMAT, "logprobs": True},
        {"presence_penalty": 2, "frequency_penalty": -2, "top_p": 0.5},
    ],
    ids=lambda parameters: "-".join(parameters) or "plain",
)
def test_noise_is_streamed_by_the_rules_and_as_it_is_told_whole(models, favoured, temperature, parameters):
    client = models(favoured=favoured)
    for seed in range(3):
        asked = {"temperature": temperature, "seed": seed, "max_tokens": 96, **parameters}
        streamed = chat(client, stream=True, stream_options={"include_usage": True}, **asked)
        whole = chat(client, **asked)
        assert joined(streamed) == told(whole)
        assert findings(streamed, whole) == set()


@pytest.mark.parametrize("parameters", [{}, {"logprobs": 3}, {"echo": True, "logprobs": 2}, {"n": 2, "stop": "a"}])
def test_noise_is_streamed_by_the_rules_of_completions(models, parameters):
    for prompt in ("the än 🦜", "", None, [1, 2, 3], "<|im_start|>"):
        body = {"model": "noise", "prompt": prompt, "seed": 1, "max_tokens": 64, **parameters}
        whole = models().post("/completions", json=body)
        streamed = models().post("/completions", json=body | {"stream": True})
        assert (whole.status_code, streamed.status_code) == (200, 200), whole.text
        assert findings(streamed, whole) == set()


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("prompt", ["the än", "<|im_start|>a<think>b<|im_end|>", "<|begin|>a", [262, 97, 263, 195]])
def test_an_echo_has_the_control_words_of_the_prompt_and_none_of_the_tokenizer(models, begins, prompt):
    body = {"model": "noise", "prompt": prompt, "echo": True, "logprobs": 1, "max_tokens": 0}
    [choice] = models(begins=begins).post("/completions", json=body).json()["choices"]
    tokens, offsets = choice["logprobs"]["tokens"], choice["logprobs"]["text_offset"]
    if isinstance(prompt, str):
        assert "".join(tokens) == choice["text"] == prompt
        assert offsets == [sum(map(len, tokens[:place])) for place in range(len(tokens))]
    else:
        assert choice["text"].startswith("<|begin|>")
        assert (len(tokens), offsets[:2]) == (len(prompt), [0, 9])


def test_a_forced_format_is_kept(models):
    for seed in range(5):
        [(text, _, _, reason)] = told(chat(models(), seed=seed, max_tokens=400, response_format=FORMAT))
        if reason == "stop":
            assert set(json.loads(text)) == {"a", "b"}
        else:
            assert text.startswith("{")


@pytest.mark.parametrize("word", CONTROLS)
def test_control_words_of_a_client_are_text(models, word):
    other = word.replace("<", "(")
    for content in (word, f"a{word}b", word * 3):
        assert prompt_tokens(models(), content) == prompt_tokens(models(), content.replace(word, other))
    for role in ("system", "user", "assistant", "tool"):
        if role == "assistant" and word in ("<tool_call>", "</tool_call>", "<think>", "</think>"):
            continue  # as it writes them
        message = {"role": role, "content": word} | ({"tool_call_id": "c"} if role == "tool" else {})
        counts = [
            chat(models(), messages=[{**message, "content": text}], max_tokens=1).json()["usage"]["prompt_tokens"]
            for text in (word, other)
        ]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("word", CONTROLS)
def test_control_words_in_tools_and_arguments_are_text(models, word):
    def count(text):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": [text]})}}
        tools = [{"type": "function", "function": {"name": "f", "description": text, "parameters": {"title": text}}}]
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}]
        reply = chat(models(), messages=messages, tools=tools, max_tokens=1)
        return reply.json()["usage"]["prompt_tokens"]

    assert count(word) == count(word.replace("<", "("))


def test_a_text_begins_once_whoever_puts_the_start_there(models):
    written = "{{ bos_token }}" + CHATML
    counts = {
        (template == written, begins): prompt_tokens(models(template, begins=begins), "hello")
        for template in (CHATML, written)
        for begins in (False, True)
    }
    plain = counts.pop((False, False))
    assert set(counts.values()) == {plain + 1}


def test_a_model_without_a_template_is_talked_to_nevertheless(models):
    client = models("")
    whole = chat(client, seed=1, max_tokens=20)
    assert whole.status_code == 200
    assert prompt_tokens(client, "hello") == prompt_tokens(models(), "hello")


THINKING = CHATML.replace("assistant\n", "assistant\n<think>\n")


def test_reasoning_that_the_template_opens_is_told_apart(models):
    client = models(THINKING)
    for seed in range(3):
        [(text, thought, _, _)] = told(chat(client, seed=seed, max_tokens=40, logit_bias=banned(client, "</think>")))
        assert text == ""
        assert thought
    seen = [told(chat(models(THINKING, favoured=MARKUP), seed=seed, max_tokens=90))[0] for seed in range(5)]
    assert any(text and thought for text, thought, _, _ in seen)
    assert not any("</think>" in thought for _, thought, _, _ in seen)


def test_a_forced_answer_is_no_reasoning(models):
    [(text, thought, _, _)] = told(chat(models(THINKING), seed=1, max_tokens=60, response_format=FORMAT))
    assert text.startswith("{")
    assert thought == ""


REFUSING = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML


def test_a_template_that_refuses_a_role_says_so(models):
    reply = chat(models(REFUSING), messages=[{"role": "system", "content": "x"}, {"role": "user", "content": "y"}])
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, "messages", "invalid_value")
    assert "System role not supported" in error["message"]


@pytest.mark.parametrize("template", [CHATML, REFUSING, ""])
def test_tools_work_where_the_template_knows_none(models, template):
    client = models(template)
    without, offered = (chat(client, max_tokens=1, **more).json()["usage"] for more in ({}, {"tools": [TOOL]}))
    assert offered["prompt_tokens"] > without["prompt_tokens"] + 50  # the model is told of them
    [(_, _, calls, _)] = told(chat(client, seed=1, tools=[TOOL], tool_choice="required", max_tokens=200))
    assert calls[0][0] == "look"
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Paris"}'}}
    history = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    assert chat(client, messages=history, tools=[TOOL], max_tokens=1).status_code == 200
    told_of = [chat(client, messages=history[:last], max_tokens=1).json()["usage"]["prompt_tokens"] for last in (2, 3)]
    assert told_of[0] > without["prompt_tokens"] + 30  # calls of before are no secret either
    assert told_of[1] > told_of[0]


def test_vectors_are_finite_and_of_length_1(models):
    reply = models().post("/embeddings", json={"model": "noise", "input": ["the än", "🦜", [1, 2]]})
    for item in reply.json()["data"]:
        assert math.hypot(*item["embedding"]) == pytest.approx(1, abs=1e-5)


def banned(client, word):
    """A bias against a token, whose number is its place in the vocabulary."""
    from byte_level_model import MERGES

    return {str(256 + len(MERGES) + CONTROLS.index(word)): -100}
