"""Whole chat completions: what the schema of chat.completion cannot say in a place of its own."""

from __future__ import annotations

from conformance.json_text import show
from conformance.mutation import edit_json
from conformance.requirement import Findings, fault, must
from conformance.requirements.chunk import in_seconds
from conformance.transcript import Transcript
from conformance.views import Reply
from conformance.warrant import breaks, bug, docs, schema

RESPONSE = "CreateChatCompletionResponse"


@must("reply-without-delta", schema(f"{RESPONSE}.choices", 33507), breaks("openai-python", "message is None", "loses"))
def without_delta(reply: Reply) -> Findings:
    """A choice of a whole answer has a message, and no delta in its stead."""
    for position, choice in enumerate(reply.choices):
        if "delta" in choice:
            yield reply, "message", f"delta in choice {position}"


@fault("reply-with-delta", golden="chat-whole", trips={"reply-without-delta"})
def with_delta(transcript: Transcript) -> Transcript:
    """The whole answer has a delta beside the message."""
    return edit_json(transcript, lambda body: body["choices"][0].update(delta={}))


@must(
    "reply-choices-numbered",
    docs("chat/create", "n choices are generated for each message"),
    breaks("openai-python", "choices are missing without a sign", "loses"),
    bug("https://github.com/vllm-project/vllm/pull/16863"),
)
def choices_numbered(reply: Reply) -> Findings:
    """A whole answer has as many choices as were asked for, with the indices 0 to n - 1."""
    request = reply.transcript.request.json if "request" in reply.transcript.knows else None
    n = (request.get("n") or 1) if isinstance(request, dict) else len(reply.choices)
    indices = [index for choice in reply.choices if isinstance(index := choice.get("index"), int)]
    whole = len(indices) == len(reply.choices) > 0
    if whole and isinstance(n, int) and sorted(indices) != list(range(n)):
        yield reply, show(list(range(n))), show(indices)


@fault("reply-choice-repeated", golden="chat-whole", trips={"reply-choices-numbered"})
def choice_repeated(transcript: Transcript) -> Transcript:
    """The whole answer has its only choice twice."""
    return edit_json(transcript, lambda body: body["choices"].append(body["choices"][0]))


@must(
    "reply-without-error",
    breaks("openai-python", "gives an empty object and raises nothing", "loses"),
    bug("https://github.com/ggml-org/llama.cpp/pull/16486"),
)
def without_error(reply: Reply) -> Findings:
    """An answer with status 200 holds no error object."""
    if isinstance(reply.value, dict) and reply.value.get("error"):
        yield reply, "a status of 400 or more with an error", f"{reply.status} with {show(reply.value['error'])}"


@fault("reply-error-in-200", golden="chat-whole", trips={"reply-without-error"})
def error_in_200(transcript: Transcript) -> Transcript:
    """An error object comes with status 200, beside the answer."""
    error = {"message": "slot lost", "type": "server_error", "param": None, "code": None}
    return edit_json(transcript, lambda body: body.update(error=error))


@fault("reply-error-alone", golden="chat-whole", trips={"reply-without-error"})
def error_alone(transcript: Transcript) -> Transcript:
    """A status of 200 comes with nothing but an error object."""
    error = {"message": "slot lost", "type": "server_error", "param": None, "code": None}
    return edit_json(transcript, lambda body: {"error": error})


@must("reply-created-in-seconds", schema(f"{RESPONSE}.created", 33507))
def created_in_seconds(reply: Reply) -> Findings:
    """The time of creation of a whole answer is a Unix time in seconds: not in the future, nor a year ago."""
    if "ids" in reply.transcript.knows and isinstance(reply.value, dict):
        yield from in_seconds(reply, reply.value.get("created"))


@fault("reply-created-in-milliseconds", golden="chat-whole", trips={"reply-created-in-seconds"})
def milliseconds(transcript: Transcript) -> Transcript:
    """A whole answer is created in milliseconds."""
    return edit_json(transcript, lambda body: body.update(created=body["created"] * 1000))


@must(
    "reply-without-stop-string",
    docs("chat/create", "the returned text will not contain the stop sequence"),
    breaks("agents that parse up to the stop string", "read text that is not theirs", "alters"),
    needs="stop",
)
def without_stop(reply: Reply) -> Findings:
    """The text of a whole answer does not contain a stop string of the request."""
    for stop in reply.stops:
        for text in reply.texts.values():
            if stop in text:
                yield reply, f"nothing from {show(stop)} on", show(text[-60:])


@fault("reply-with-stop-string", golden="chat-whole-stop", trips={"reply-without-stop-string"})
def with_stop(transcript: Transcript) -> Transcript:
    """The whole answer ends with the stop string."""
    return edit_json(transcript, lambda body: _append(body["choices"][0]["message"], "7"))


def _append(message: dict[str, str], text: str) -> None:
    message["content"] += text
