"""Views: what requirements quantify over. Each has `among(transcripts)`, and exists only where its facts are known."""

from conformance.views.answer import (
    Answer,
    CompleteHead,
    FailedAnswer,
    Failure,
    Head,
    JSONBody,
    JSONHead,
    StreamAsked,
    Uncoded,
    Unframed,
    WholeAsked,
)
from conformance.views.choice import Choice, EndedChoice, FinishedChoice, Part, SpokenChoice, StoppableChoice
from conformance.views.chunk import Chunk, ChunkStream, ErrorEvent, IdentifiedStream, ManyChoices
from conformance.views.instance import Instances
from conformance.views.reply import ModelList, Reply
from conformance.views.run import Run, Twins
from conformance.views.stream import (
    ByteStream,
    CompleteStreamHead,
    DataStream,
    EndedByteStream,
    EndedStream,
    Event,
    FramedStream,
    MarkedStream,
    Stream,
    StreamHead,
    TimedMarkedStream,
    WholeStream,
)
from conformance.views.text import Text
from conformance.views.usage import LimitedUsage, SpokenUsage, Usage, UsageAsked, UsageChunk, UsageUnasked
from conformance.views.wrong_request import WrongRequest

__all__ = [
    "Answer",
    "ByteStream",
    "Choice",
    "Chunk",
    "ChunkStream",
    "CompleteHead",
    "CompleteStreamHead",
    "DataStream",
    "EndedByteStream",
    "EndedChoice",
    "EndedStream",
    "ErrorEvent",
    "Event",
    "FailedAnswer",
    "Failure",
    "FinishedChoice",
    "FramedStream",
    "Head",
    "IdentifiedStream",
    "Instances",
    "JSONBody",
    "JSONHead",
    "LimitedUsage",
    "ManyChoices",
    "MarkedStream",
    "ModelList",
    "Part",
    "Reply",
    "Run",
    "SpokenChoice",
    "SpokenUsage",
    "StoppableChoice",
    "Stream",
    "StreamAsked",
    "StreamHead",
    "Text",
    "TimedMarkedStream",
    "Twins",
    "Uncoded",
    "Unframed",
    "Usage",
    "UsageAsked",
    "UsageChunk",
    "UsageUnasked",
    "WholeAsked",
    "WholeStream",
    "WrongRequest",
]
