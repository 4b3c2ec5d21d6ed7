"""A model at work: takes checked requests and starts generations in the engine."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from reference_server import grammar
from reference_server.chat.request import ChatRequest
from reference_server.engine.engine import ClosedError, Engine
from reference_server.engine.sampling import GrammarError, Sampling
from reference_server.errors import BusyError, RequestError, unknown_model
from reference_server.generation import Generation
from reference_server.template import Template, TemplateError
from reference_server.text.answer import Answer
from reference_server.text.hermes import OPEN

_SCRIPTED_CREATED = 1_750_000_000
_SHORT = 8192


@dataclass(frozen=True)
class ModelCard:
    """What `/v1/models` tells of a model."""

    id: str
    created: int
    owned_by: str = "openai-conformance"

    def body(self) -> dict[str, str | int]:
        """Give the JSON object that a client gets."""
        return {"id": self.id, "object": "model", "created": self.created, "owned_by": self.owned_by}


class Service:
    """One model with one engine."""

    def __init__(self, engine: Engine, card: ModelCard, *, queue: int) -> None:
        """Put an engine to work; `queue`: how many texts may wait for a place in it."""
        self.card = card
        self._most = engine.sequences + queue
        self._engine = engine
        model = engine.model
        self._start_and_end = model.start_and_end
        self._template = Template(model.template, self._start_and_end)
        self._call_token = model.token(OPEN)
        described = f"{card.id} {card.created} {model.n_vocab} {engine.context}"
        self.fingerprint = f"fp_{hashlib.sha256(described.encode()).hexdigest()[:10]}"

    async def start(self, request: ChatRequest) -> Generation:
        """Begin to answer, in the running event loop; raises RequestError for what cannot be done."""
        if request.model != self.card.id:
            raise unknown_model(request.model)
        if request.n > self._engine.sequences:
            message = f"Invalid 'n': expected a value <= {self._engine.sequences}, but got {request.n}."
            raise RequestError(message, param="n", code="integer_above_max_value")
        if self._engine.load + request.n > self._most:
            raise BusyError
        text = self._text(request)
        # llama.cpp's time for a text grows with its square: a long one must not hold up everybody else.
        prompt = self._tokens(text) if len(text) < _SHORT else await asyncio.to_thread(self._tokens, text)
        answers = [
            Answer(
                index,
                stops=request.stops,
                tools=request.tools.active,
                one_call=request.tools.choice == "named" or not request.tools.parallel,
            )
            for index in range(request.n)
        ]
        generation = Generation(answers, len(prompt))
        try:
            job = self._engine.submit(
                prompt,
                generation.listen,
                limit=request.limit,
                n=request.n,
                sampling=self._sampling(request),
                top=request.top_logprobs,
            )
        except GrammarError as error:
            param = "response_format" if request.format else "tools"
            raise RequestError(f"Invalid schema for '{param}': {error}.", param=param) from error
        except ClosedError as error:
            message = "The server takes no more requests."
            raise RequestError(message, status=503, kind="server_error") from error
        generation.cancel = job.cancel
        return generation

    @property
    def healthy(self) -> bool:
        """Tell whether requests can be answered."""
        return self._engine.open

    def close(self) -> None:
        """End all generations and give the memory back."""
        self._engine.close()

    def _text(self, request: ChatRequest) -> str:
        try:
            text = self._template.render(request)
        except TemplateError as error:
            raise RequestError(f"Invalid 'messages': {error}.", param="messages", code="invalid_value") from error
        start = self._start_and_end[0]
        return text.removeprefix(start) if start else text  # the tokenizer puts it there

    def _tokens(self, text: str) -> list[int]:
        """Turn the prompt into tokens, and give up early on one that is far too long."""
        tokenize, room = self._engine.model.tokenize, self._engine.context
        size = _SHORT
        while size < len(text):
            if len(tokenize(text[:size])) > room:
                raise _too_long(room, f"more than {room}")
            size *= 4
        if (count := len(prompt := tokenize(text))) >= room:
            raise _too_long(room, str(count))
        return prompt

    def _sampling(self, request: ChatRequest) -> Sampling:
        vocabulary = self._engine.model.n_vocab
        if request.logit_bias and max(request.logit_bias) >= vocabulary:
            message = f"Invalid 'logit_bias': token numbers go from 0 to {vocabulary - 1}."
            raise RequestError(message, param="logit_bias", code="invalid_value")
        bias = {token: float("-inf") if value <= -100 else value for token, value in request.logit_bias.items()}
        if self._call_token is not None and not request.tools.active:
            bias[self._call_token] = float("-inf")  # a call that nobody asked for would be shown as markup
        return Sampling(
            temperature=request.temperature,
            top_p=request.top_p,
            frequency_penalty=request.frequency_penalty,
            presence_penalty=request.presence_penalty,
            seed=request.seed,
            logit_bias=bias,
            grammar=grammar.of(request, self._call_token),
        )


def _too_long(room: int, count: str) -> RequestError:
    message = (
        f"This model's maximum context length is {room} tokens. However, your messages resulted in "
        f"{count} tokens. Please reduce the length of the messages."
    )
    return RequestError(message, param="messages", code="context_length_exceeded")


def open_service(model: Path | None, *, parallel: int, context: int, queue: int) -> Service:
    """Load a model file, or the scripted model where none is named."""
    if model is None:
        from reference_server.model import scripted_model

        engine = Engine(scripted_model(), sequences=parallel, context=context)
        return Service(engine, ModelCard("scripted", _SCRIPTED_CREATED), queue=queue)
    engine = Engine(model, sequences=parallel, context=context)
    created = min(int(model.stat().st_mtime), int(time.time()))
    return Service(engine, ModelCard(model.stem, created), queue=queue)
