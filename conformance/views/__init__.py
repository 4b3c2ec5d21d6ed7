"""Views: what requirements quantify over. Each has `among(transcripts)`, and exists only where its facts are known."""

from conformance.views.answer import (
    Answer,
    CompleteHead,
    Failure,
    Head,
    JSONBody,
    StreamAsked,
    Uncoded,
    Unframed,
    WholeAsked,
)
from conformance.views.choice import Choice, Part
from conformance.views.chunk import Chunk, ChunkStream, ErrorEvent, IdentifiedStream
from conformance.views.instance import Instances
from conformance.views.reply import ModelList, Reply
from conformance.views.run import Run, Twins
from conformance.views.stream import (
    ByteStream,
    DataStream,
    EndedStream,
    Event,
    MarkedStream,
    Stream,
    StreamHead,
    WholeStream,
)
from conformance.views.text import Text
from conformance.views.wrong_request import WrongRequest

__all__ = [
    "Answer",
    "ByteStream",
    "Choice",
    "Chunk",
    "ChunkStream",
    "CompleteHead",
    "DataStream",
    "EndedStream",
    "ErrorEvent",
    "Event",
    "Failure",
    "Head",
    "IdentifiedStream",
    "Instances",
    "JSONBody",
    "MarkedStream",
    "ModelList",
    "Part",
    "Reply",
    "Run",
    "Stream",
    "StreamAsked",
    "StreamHead",
    "Text",
    "Twins",
    "Uncoded",
    "Unframed",
    "WholeAsked",
    "WholeStream",
    "WrongRequest",
]
