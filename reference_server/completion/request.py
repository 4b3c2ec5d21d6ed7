"""A legacy completion request as the rest of the server sees it: complete and checked."""

from dataclasses import dataclass, field

from reference_server.engine.sampling import Sampling

Prompt = str | tuple[int, ...]
"""A text, or the numbers of its tokens."""

DEFAULT_LIMIT = 16


@dataclass(frozen=True)
class CompletionRequest:
    """What a client asks of `/v1/completions`."""

    model: str
    prompts: tuple[Prompt, ...]
    stream: bool = False
    include_usage: bool = False
    echo: bool = False
    n: int = 1
    stops: tuple[str, ...] = ()
    limit: int = DEFAULT_LIMIT
    sampling: Sampling = field(default_factory=Sampling)
    top_logprobs: int | None = None
    """None: no log probabilities at all."""

    @property
    def choices(self) -> int:
        """Count the choices of the answer: n for each prompt, in the order of the prompts."""
        return self.n * len(self.prompts)
