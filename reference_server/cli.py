"""The command line: `python -m reference_server [COMMAND]`.

To add a command, add a parser with its arguments to `_add_commands` and a function that imports what it needs.
"""

import argparse
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
    serve.add_argument("--context", type=_positive, default=4096, help="tokens a text may have (default: %(default)s)")
    serve.add_argument("--api-key-env", metavar="NAME", help="environment variable with the key to ask for")
    serve.set_defaults(run=_serve)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, got {text!r}")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from reference_server.engine.library import MissingExtraError
    from reference_server.engine.model import ModelError
    from reference_server.listening import AddressError

    try:
        from reference_server.serve import serve
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
            key_variable=options.api_key_env,
        )
    except (MissingExtraError, ModelError, AddressError, TemplateError) as error:
        return fail(error)
    return 0
