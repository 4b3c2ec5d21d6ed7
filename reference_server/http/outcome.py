"""How an answer ended: well, or in a way that the client must hear of."""

from reference_server.chat.request import ChatRequest
from reference_server.errors import GoneError, RequestError
from reference_server.text.pieces import Finished


def reason(request: ChatRequest, finished: Finished) -> str:
    """Give the finish reason; raises GoneError or RequestError where there is none."""
    if finished.reason == "tool_calls":
        return "stop" if request.tools.choice == "named" else "tool_calls"  # as OpenAI has it
    return plain_reason(finished)


def plain_reason(finished: Finished) -> str:
    """Give the finish reason of a text without calls; raises as `reason` does."""
    match finished.reason:
        case "stop" | "length":
            return finished.reason
        case "cancelled":
            raise GoneError
        case "closed":
            raise RequestError("The server is shutting down.", status=503, kind="server_error")
    raise RequestError("The server had an error while it made the answer.", status=500, kind="server_error")
