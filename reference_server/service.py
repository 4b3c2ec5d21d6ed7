"""A model at work: takes checked requests and starts generations in the engine."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from reference_server import grammar
from reference_server.aside import Aside, ClosedAsideError
from reference_server.chat.request import ChatRequest
from reference_server.completion.request import CompletionRequest, Prompt
from reference_server.embedding.request import EmbeddingRequest
from reference_server.engine.embedder import AbandonedError, Embedder, EmbeddingJob
from reference_server.engine.engine import PATIENCE, ClosedError, Engine
from reference_server.engine.events import Event
from reference_server.engine.job import Job
from reference_server.engine.model import ModelError
from reference_server.engine.sampling import Grammar, Sampling
from reference_server.engine.work import Work
from reference_server.errors import BusyError, GoneError, RequestError, shown, unknown_model
from reference_server.generation import Generation, Post
from reference_server.prompt import Prompts, WrittenPrompt
from reference_server.template import Template, TemplateError
from reference_server.text.answer import Answer
from reference_server.text.hermes import OPEN
from reference_server.text.pieces import Text
from reference_server.tokens import SHORT, Room, Tokens

_SCRIPTED_CREATED = 1_750_000_000
_MESSAGE = 100  # characters, as which a message without any counts
T = TypeVar("T")


@dataclass(frozen=True)
class ModelCard:
    """What `/v1/models` tells of a model."""

    id: str
    created: int
    owned_by: str = "openai-conformance"

    def body(self) -> dict[str, str | int | None]:
        """Give the JSON object that a client gets."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": self.owned_by,
            "shutdown_date": None,
        }


class Service:
    """One model with one engine."""

    def __init__(self, engine: Engine, card: ModelCard, *, queue: int) -> None:
        """Put an engine to work; `queue`: how many texts may wait for a place in it."""
        self.card = card
        self._most = engine.sequences + queue
        self._engine, self._post = engine, Post()
        engine.after_round = self._post.deliver
        model = engine.model
        self._embedder = Embedder(model, engine.context)
        self._asides = Aside()
        self._start, self._room = model.start, Room(engine.context)
        self._retired = False
        self._tokens = Tokens(model)
        self._prompts = Prompts(Template(model.template, model.start_and_end), model.controls)
        self._call_token = model.token(OPEN)
        described = f"{card.id} {card.created} {model.n_vocab} {engine.context}"
        self.fingerprint = f"fp_{hashlib.sha256(described.encode()).hexdigest()[:10]}"

    async def start(self, request: ChatRequest) -> Generation:
        """Begin to answer, in the running event loop; raises RequestError for what cannot be done."""
        self._admit(request.model, request.n, request.n)
        ready = await self._prepared(request)
        self._find_room(request.n)
        answers = [
            Answer(
                index,
                stops=request.stops,
                tools=request.tools.active,
                one_call=request.tools.choice == "named" or not request.tools.parallel,
                thinking=ready.thinking,
            )
            for index in range(request.n)
        ]
        generation = Generation(answers, len(ready.prompt), self._post)
        try:
            job = self._engine.submit(
                ready.prompt,
                generation.listen,
                limit=request.limit,
                n=request.n,
                sampling=self._chat_sampling(request, ready.form),
                top=request.top_logprobs,
            )
        except ClosedError as error:
            raise _closed() from error
        generation.cancel = job.cancel
        return generation

    async def complete(self, request: CompletionRequest) -> Generation:
        """Begin to complete the prompts; raises RequestError as `start` does. Each prompt is a job of its own."""
        self._admit(request.model, request.n, request.choices)
        sampling = self._sampling(request.sampling)
        prompts = await self._read(request.prompts, "prompt", self._room)
        self._find_room(request.choices)
        answers = [Answer(index, stops=request.stops, reasoning=False) for index in range(request.choices)]
        echoes = [self._shown(prompt) for prompt in request.prompts for _ in range(request.n)] if request.echo else []
        generation = Generation(answers, sum(map(len, prompts)), self._post, echoes)
        scored = request.echo and request.top_logprobs is not None
        for index, text in enumerate(echoes if not scored else []):
            if text:
                generation.say(Text(index, text))
        jobs: list[Job] = []

        def cancel() -> None:
            for job in jobs:
                job.cancel()

        generation.cancel = cancel
        try:
            for number, prompt in enumerate(prompts):

                def listen(event: Event, first: int = number * request.n) -> bool:
                    return generation.listen(event._replace(sequence=first + event.sequence))

                limit, top = request.limit, request.top_logprobs
                jobs.append(
                    self._engine.submit(
                        prompt, listen, limit=limit, n=request.n, sampling=sampling, top=top, scored=scored
                    )
                )
        except ClosedError as error:
            cancel()
            raise _closed() from error
        return generation

    async def embed(self, request: EmbeddingRequest) -> "Embedding":
        """Begin to make a vector for each input; raises RequestError as `start` does."""
        self.refuse_if_closed()
        if request.model != self.card.id:
            raise unknown_model(request.model)
        if request.dimensions is not None and request.dimensions > (width := self._engine.model.width):
            message = f"Invalid 'dimensions': expected a value <= {width}, but got {request.dimensions}."
            raise RequestError(message, param="dimensions", code="integer_above_max_value")
        self._find_turn()
        inputs = await self._read(request.inputs, "input", Room(self._embedder.room, answer=0))
        self._find_turn()
        return Embedding(self, self._embedder.submit(inputs, request.dimensions))

    @property
    def healthy(self) -> bool:
        """Tell whether requests can be answered."""
        return self._engine.open and not self._retired

    def work(self) -> Work:
        """Tell what the engine and the embedder are doing, together."""
        return Work(*(sum(numbers) for numbers in zip(self._engine.work(), self._embedder.work(), strict=True)))

    def retire(self) -> None:
        """Take no more requests, and end those for vectors; answers under way go on."""
        self._retired = True
        self._embedder.retire()

    def close(self, patience: float = PATIENCE) -> bool:
        """End all generations and give the memory back; tells whether all that was under way has ended in time.

        Where it has not, the memory stays, as it may be in use, and only the end of the process ends the rest.
        """
        self.retire()
        until = time.monotonic() + patience

        def left() -> float:
            return max(until - time.monotonic(), patience / 4)  # something for the last one, too

        others = [self._asides.close(left()), self._embedder.close(left())]
        return self._engine.close(left(), free=all(others)) and all(others)

    def _admit(self, model: str, n: int, texts: int) -> None:
        """Refuse what is for another model, or for which there is no room now."""
        self.refuse_if_closed()
        if model != self.card.id:
            raise unknown_model(model)
        if n > self._engine.sequences:
            message = f"Invalid 'n': expected a value <= {self._engine.sequences}, but got {n}."
            raise RequestError(message, param="n", code="integer_above_max_value")
        if texts > self._most:
            message = f"Invalid 'prompt': this server makes at most {self._most} texts at once, not {texts}."
            raise RequestError(message, param="prompt", code="array_above_max_length")
        self._find_room(texts)

    def _find_room(self, texts: int) -> None:
        """Refuse what finds the queue full: at first, and again before it joins, as others came while it was read."""
        if self._engine.load + texts > self._most:
            raise BusyError

    def _find_turn(self) -> None:
        """Refuse vectors while as many requests for them wait as texts may; they keep nobody else waiting."""
        if self._embedder.load >= self._most:
            raise BusyError

    def refuse_if_closed(self) -> None:
        """Refuse what needs a model that is gone: at first, and wherever somebody may have closed us meanwhile."""
        if not self.healthy:
            raise _closed()

    def _shown(self, prompt: Prompt) -> str:
        return prompt if isinstance(prompt, str) else self._engine.model.text(prompt)

    async def _read(self, prompts: Sequence[Prompt], place: str, room: Room) -> list[list[int]]:
        """Turn prompts into tokens, or check those that they consist of."""
        if sum(map(len, prompts)) < SHORT:
            return [self._tokens.of_prompt(prompt, place, room) for prompt in prompts]
        return await self._aside(lambda: [self._tokens.of_prompt(prompt, place, room) for prompt in prompts])

    async def _aside(self, work: Callable[[], T]) -> T:
        """Do in another thread what takes long; whoever closes us waits for that, and may then go first."""
        try:
            done = await self._asides.do(work)
        except ClosedAsideError as error:
            raise _closed() from error
        self.refuse_if_closed()
        return done

    async def _prepared(self, request: ChatRequest) -> "_Ready":
        # Python walks through every schema, and what might be control words, of which a long text can have millions.
        schemas = request.tools.offered or request.format
        size = sum(len(said["content"]) + _MESSAGE for said in request.messages)
        if not schemas and size < SHORT:
            return self._prepare(request)
        return await self._aside(lambda: self._prepare(request))

    def _prepare(self, request: ChatRequest) -> "_Ready":
        # The prompt first: a grammar that nobody has room for would be made in vain, and may take seconds.
        written = self._written(request, form=grammar.binds_at_once(request))
        prompt = self._tokens.of_text(written.pieces, "messages", self._room)
        return _Ready(prompt, self._form(request), thinking=written.thinking)

    def _form(self, request: ChatRequest) -> Grammar | None:
        """Make the grammar; where llama.cpp cannot read it, one in which tools that are not strict take any object."""
        for loosely in (False, True):
            form = grammar.of(request, self._call_token, loosely=loosely)
            if form is None or self._engine.reads(form):
                return form
        raise grammar.unreadable(request)

    def _written(self, request: ChatRequest, *, form: bool) -> WrittenPrompt:
        try:
            written = self._prompts.write(request, form=form)
        except TemplateError as error:
            raise RequestError(
                f"Invalid 'messages': {shown(error)}.", param="messages", code="invalid_value"
            ) from error
        first, *others = written.pieces
        # The tokenizer puts the start there itself.
        return replace(written, pieces=(first.removeprefix(self._start), *others))

    def _chat_sampling(self, request: ChatRequest, form: Grammar | None) -> Sampling:
        sampling = self._sampling(request.sampling)
        if self._call_token is None or request.tools.active:
            return replace(sampling, grammar=form)
        # A call that nobody asked for would be shown as markup.
        return replace(sampling, grammar=form, logit_bias={**sampling.logit_bias, self._call_token: float("-inf")})

    def _sampling(self, asked: Sampling) -> Sampling:
        vocabulary = self._engine.model.n_vocab
        if asked.logit_bias and max(asked.logit_bias) >= vocabulary:
            message = f"Invalid 'logit_bias': token numbers go from 0 to {vocabulary - 1}."
            raise RequestError(message, param="logit_bias", code="invalid_value")
        bias = {token: float("-inf") if value <= -100 else value for token, value in asked.logit_bias.items()}
        return replace(asked, logit_bias=bias)


@dataclass(frozen=True)
class _Ready:
    """A chat request as the engine takes it."""

    prompt: list[int]
    form: Grammar | None
    thinking: bool


class Embedding:
    """Vectors in the making."""

    def __init__(self, service: Service, job: EmbeddingJob) -> None:
        self._service, self._job = service, job
        self.tokens = sum(map(len, job.texts))
        self.cancel = job.cancel

    async def vectors(self) -> list[list[float]]:
        """Wait for them; raises RequestError where the service is closed, and GoneError where they were cancelled."""
        try:
            return await asyncio.wrap_future(self._job.vectors)
        except AbandonedError:
            raise GoneError from None
        except ModelError:
            self._service.refuse_if_closed()
            raise


def _closed() -> RequestError:
    return RequestError("The server takes no more requests.", status=503, kind="server_error")


def open_service(model: Path | None, *, parallel: int, context: int | None, queue: int) -> Service:
    """Load a model file, or the scripted model where none is named."""
    if model is None:
        from reference_server.model import scripted_model

        engine = Engine(scripted_model(), sequences=parallel, context=context)
        return Service(engine, ModelCard("scripted", _SCRIPTED_CREATED), queue=queue)
    engine = Engine(model, sequences=parallel, context=context)
    created = min(int(model.stat().st_mtime), int(time.time()))
    return Service(engine, ModelCard(model.stem, created), queue=queue)
