"""A listening socket, and the line that tells where it is."""

import socket


class AddressError(Exception):
    """The address cannot be listened on; the message is one line for the user."""


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; port 0 takes any free one.

    Raises AddressError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AddressError(f"cannot listen on {host}:{port}: {reason}") from error
    return listener


def url(listener: socket.socket) -> str:
    """Give the base URL of a server on this socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


def announce(name: str, listener: socket.socket) -> None:
    """Print the line that tells people, and the launchers, that the server answers now."""
    print(f"Serving {name} at {url(listener)}", flush=True)  # noqa: T201 - it is the program's output
