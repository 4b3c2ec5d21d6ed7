"""The hand-over from the decoding thread to event loops: one wake a round, and none that can fail."""

import asyncio

import pytest

from reference_server.engine.events import Finish, Token
from reference_server.generation import Generation, Post
from reference_server.text.answer import Answer
from reference_server.text.pieces import Finished, Text


def test_all_readers_are_woken_at_once_when_the_round_is_over():
    async def run():
        post = Post()
        generations = [Generation([Answer(0)], 1, post) for _ in range(3)]
        readers = [asyncio.ensure_future(generation.pieces()) for generation in generations]
        await asyncio.sleep(0)  # now they wait
        for generation in generations:
            generation.listen(Token(0, b"one", None, []))
            generation.listen(Finish(0, "stop", 1))
        await asyncio.sleep(0)
        assert not any(reader.done() for reader in readers)
        post.deliver()
        assert await asyncio.gather(*readers) == [[Text(0, "one"), Finished(0, "stop")]] * 3
        assert all(generation.ended for generation in generations)

    asyncio.run(run())


def test_a_reader_that_came_late_has_its_news_without_a_wake():
    async def run():
        post = Post()
        generation = Generation([Answer(0)], 1, post)
        generation.listen(Finish(0, "stop", 0))
        assert await generation.pieces() == [Finished(0, "stop")]
        post.deliver()

    asyncio.run(run())


def test_a_reader_hears_of_the_end_even_where_the_last_of_the_text_cannot_be_read(monkeypatch):
    async def run():
        answer = Answer(0)
        monkeypatch.setattr(answer, "finish", lambda _: 1 / 0)
        generation = Generation([answer], 1, Post())
        with pytest.raises(ZeroDivisionError):
            generation.listen(Finish(0, "stop", 1))
        assert await generation.pieces() == [Finished(0, "error")]

    asyncio.run(run())


def test_a_loop_that_is_closed_keeps_no_other_from_its_news():
    post = Post()

    async def wait(*, deliver):
        generation = Generation([Answer(0)], 1, post)
        reader = asyncio.ensure_future(generation.pieces())
        await asyncio.sleep(0)
        generation.listen(Finish(0, "stop", 0))
        if deliver:
            post.deliver()
            return await reader
        return reader.cancel()

    assert asyncio.run(wait(deliver=False))  # its news comes after its loop was closed
    assert asyncio.run(wait(deliver=True)) == [Finished(0, "stop")]
