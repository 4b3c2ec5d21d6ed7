"""The command line: `python -m reference_server [COMMAND]`.

To add a command, add a parser with its arguments to `_add_commands` and a function that imports what it needs.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit code; without a command, serve."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="python -m reference_server",
        description="An OpenAI-compatible server over llama.cpp that keeps every rule of the conformance suite.",
        epilog="Without a command: serve. `COMMAND --help` tells the options of a command.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_commands(commands)
    if not given or given[0] not in {*commands.choices, "-h", "--help"}:
        given.insert(0, "serve")
    options = parser.parse_args(given)
    try:
        return int(options.run(options) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on. Python would say so again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def fail(message: object) -> int:
    """Tell in one line why the program cannot go on."""
    print(f"reference_server: {message}", file=sys.stderr)  # noqa: T201 - it is the program's output
    return 1


def _add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    address.add_argument("--port", type=_port, default=8000, help="port, 0 for a free one (default: %(default)s)")

    serve = commands.add_parser("serve", parents=[address], help="serve a model (the default)")
    serve.add_argument("--model", type=Path, metavar="FILE.gguf", help="a model file instead of the scripted model")
    serve.add_argument("--parallel", type=_positive, default=4, help="texts at once (default: %(default)s)")
    serve.add_argument("--queue", type=_count, default=64, help="texts that may wait (default: %(default)s)")
    serve.add_argument(
        "--context", type=_positive, help="tokens a text may have (default: 4096, or what the model was trained for)"
    )
    serve.add_argument(
        "--heartbeat",
        type=_above_zero,
        default=5.0,
        metavar="SECONDS",
        help="silence after which a stream sends a comment (default: %(default)g)",
    )
    serve.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key to ask for")
    serve.set_defaults(run=_serve)

    replay = commands.add_parser("replay", parents=[address], help="serve recorded answers, byte for byte")
    replay.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a transcript, or a folder of them")
    replay.add_argument("--speed", type=_above_zero, default=1.0, help="times faster than recorded, inf for no pauses")
    replay.set_defaults(run=_replay)

    fault = commands.add_parser("fault", parents=[address], help="serve correct answers, one of them spoilt")
    fault.add_argument("name", nargs="?", metavar="NAME", help="what is wrong")
    fault.add_argument("--list", action="store_true", help="print the names of all faults, and end")
    fault.set_defaults(run=_fault)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r}")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def _serve(options: argparse.Namespace) -> int:
    from reference_server.engine.bindings import MissingExtraError
    from reference_server.engine.model import ModelError
    from reference_server.listening import AddressError

    try:
        from reference_server.serve import KeyVariableError, serve
        from reference_server.template import TemplateError
    except ImportError as error:
        return fail(MissingExtraError(error.name or str(error)))
    try:
        serve(
            host=options.host,
            port=options.port,
            model=options.model,
            parallel=options.parallel,
            context=options.context,
            queue=options.queue,
            heartbeat=options.heartbeat,
            key_variable=options.api_key_env,
        )
    except (MissingExtraError, ModelError, AddressError, TemplateError, KeyVariableError) as error:
        return fail(error)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from conformance.transcript import TranscriptError
    from reference_server import replay
    from reference_server.listening import AddressError

    try:
        replay.serve(options.files, host=options.host, port=options.port, speed=options.speed)
    except (OSError, TranscriptError, AddressError) as error:
        return fail(error)
    return 0


def _fault(options: argparse.Namespace) -> int:
    from reference_server import faults
    from reference_server.listening import AddressError

    if options.list or not options.name:
        print(faults.listing())  # noqa: T201 - it is the program's output
        return 0
    try:
        faults.serve(options.name, host=options.host, port=options.port)
    except (faults.UnknownFaultError, AddressError) as error:
        return fail(error)
    return 0
