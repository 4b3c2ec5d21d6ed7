"""What a client is told when an answer fails, shown on a generation made for it: no engine is needed."""

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

from reference_server.errors import RequestError
from reference_server.http.chat import ChatCompletions
from reference_server.text.pieces import CallArguments, CallStart, Finished, Text
from reference_server.usage import Usage

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
TOOLS = {"tools": [{"type": "function", "function": {"name": name}} for name in ("a", "b")]}


class Script:
    """A generation that gives prepared pieces."""

    usage = Usage(prompt=1, completion=2)

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.cancelled = False

    def cancel(self):
        self.cancelled = True

    async def pieces(self):
        await asyncio.sleep(0)
        return self.rounds.pop(0)

    @property
    def ended(self):
        return not self.rounds


def answer(generation, **parameters):
    """Run the endpoint, and give what it sent."""
    sent = []

    async def run():
        body = json.dumps(BODY | parameters).encode()
        messages = [
            {"type": "http.request", "body": body[:9], "more_body": True},
            {"type": "http.request", "body": body[9:]},
        ]

        async def receive():
            if not messages:
                await asyncio.sleep(60)
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        async def start(_):
            return generation

        await ChatCompletions(start, "fp")({"type": "http", "headers": []}, receive, send)

    asyncio.run(run())
    return sent


def data(sent):
    return b"".join(message.get("body", b"") for message in sent).decode().removesuffix("\n\n").split("\n\n")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("reason", "status"), [("error", 500), ("closed", 503)])
def test_a_failure_before_the_first_token_is_told_by_its_status(stream, reason, status):
    with pytest.raises(RequestError) as caught:
        answer(Script([Finished(0, reason)]), stream=stream)
    assert caught.value.status == status


def test_a_failure_in_mid_stream_is_one_error_event_and_the_end():
    generation = Script([Text(0, "one")], [Text(0, " two"), Finished(0, "error")], [Text(0, "never")])
    sent = answer(generation, stream=True)
    *chunks, last = (json.loads(block.removeprefix("data: ")) for block in data(sent))
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["", "one", " two"]
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert sent[-1]["more_body"] is False
    assert generation.cancelled


def test_a_whole_answer_that_fails_half_way_is_a_status():
    with pytest.raises(RequestError):
        answer(Script([Text(0, "one")], [Finished(0, "error")]))


def test_nothing_more_is_sent_for_a_client_that_is_gone():
    assert answer(Script([Finished(0, "cancelled")]), stream=True) == []


def test_text_before_a_call_and_calls_after_each_other_keep_the_order_of_openai():
    pieces = [Text(0, "I look."), CallStart(0, 0, "a"), CallArguments(0, 0, "{}"), CallStart(0, 1, "b")]
    sent = answer(Script([*pieces, CallArguments(0, 1, "{}"), Finished(0, "tool_calls")]), stream=True, **TOOLS)
    chunks = [json.loads(block.removeprefix("data: ")) for block in data(sent)[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert deltas[1] == {"content": "I look."}
    fragments = [delta["tool_calls"][0] for delta in deltas[2:-1]]
    assert [fragment["index"] for fragment in fragments] == [0, 0, 1, 1]
    assert ["id" in fragment for fragment in fragments] == [True, False, True, False]
    assert deltas[-1] == {}


def test_a_choice_that_speaks_first_waits_for_the_roles_of_those_before_it():
    pieces = [Text(1, "b"), Finished(1, "stop"), Text(0, "a"), Finished(0, "stop")]
    sent = answer(Script(pieces), stream=True, n=2, **TOOLS)
    chunks = [json.loads(block.removeprefix("data: ")) for block in data(sent)[:-1]]
    assert [(chunk["choices"][0]["index"], "role" in chunk["choices"][0]["delta"]) for chunk in chunks] == [
        (0, True),
        (1, True),
        (1, False),
        (1, False),
        (0, False),
        (0, False),
    ]
