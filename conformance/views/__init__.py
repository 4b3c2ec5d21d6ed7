"""Views: what requirements quantify over. Each has `among(transcripts)`, and exists only where its facts are known."""

from conformance.views.answer import Answer, CompleteHead, Failure, Head, JSONBody, Unframed
from conformance.views.choice import Choice, Part
from conformance.views.chunk import Chunk, ChunkStream, ErrorEvent
from conformance.views.reply import ModelList, Reply
from conformance.views.run import Run, Twins
from conformance.views.stream import ByteStream, CompleteStreamHead, EndedStream, Event, Stream, StreamHead
from conformance.views.wrong_request import WrongRequest

__all__ = [
    "Answer",
    "ByteStream",
    "Choice",
    "Chunk",
    "ChunkStream",
    "CompleteHead",
    "CompleteStreamHead",
    "EndedStream",
    "ErrorEvent",
    "Event",
    "Failure",
    "Head",
    "JSONBody",
    "ModelList",
    "Part",
    "Reply",
    "Run",
    "Stream",
    "StreamHead",
    "Twins",
    "Unframed",
    "WrongRequest",
]
