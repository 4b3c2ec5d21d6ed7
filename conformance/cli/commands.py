"""The commands and their options. Nothing heavy is imported before one is chosen."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

import conformance

UNUSABLE = 2
BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended
INTERRUPTED = 130
FORMATS = ("text", "json", "github", "sarif")
ENDPOINTS = "chat, completions, embeddings, responses, models, model, or a path such as /v1/chat/completions"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 all is well, 1 findings that fail, 2 unusable input or usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on. Python would say so again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _run(options: argparse.Namespace) -> int:
    if options.command == "report":
        from conformance.cli.report import show_report

        return show_report(options.run, options.out, options.notes)
    from conformance.profile import ProfileError, load

    try:
        profile = load(options.profile)
    except ProfileError as error:
        sys.stderr.write(f"conformance: {error}\n")
        return UNUSABLE
    if options.command == "lint":
        from conformance.cli.lint import lint

        return lint(options.files, profile, form=options.format, endpoint=options.endpoint or "")
    if options.command == "list":
        from conformance.cli.listing import show_list

        return show_list(profile, form=options.format)
    from conformance.cli.explain import explain

    return explain(options.id, profile)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conformance", description=conformance.__doc__)
    parser.add_argument("--version", action="version", version=f"openai-conformance {conformance.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lint = commands.add_parser(
        "lint",
        help="judge recorded answers",
        description="Judge recorded answers: event streams, curl -i output, transcripts and folders of them, HAR, "
        "exchanges one a line (.jsonl, .jsonl.gz). What a file is shows its content. Exit code: 0 nothing that "
        "fails under the profile, 1 findings that fail, 2 unusable input or usage.",
    )
    lint.add_argument("files", nargs="*", metavar="FILE", help="files or folders; - for standard input, shown live")
    lint.add_argument("--format", choices=FORMATS, default="text", help="of what is printed (default: text)")
    lint.add_argument("--endpoint", type=_endpoint, help=f"where it can't be told: {ENDPOINTS}")
    listing = commands.add_parser("list", help="list the requirements")
    listing.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    explain = commands.add_parser("explain", help="explain one requirement: why, says who, and a fault that breaks it")
    explain.add_argument("id", metavar="ID")
    report = commands.add_parser("report", help="write the report of a run as a Markdown or HTML page")
    report.add_argument("run", metavar="RUN", help="the folder of a report, or its report.json")
    report.add_argument(
        "-o", dest="out", metavar="FILE", required=True, help="PAGE.md or PAGE.html; - for Markdown here"
    )
    report.add_argument("--notes", metavar="FILE.toml", help="what was checked by hand, for the Markdown page")
    for command in (lint, listing, explain):
        command.add_argument("--profile", default="compat", metavar="NAME|FILE", help="(default: compat)")
    return parser


def _endpoint(text: str) -> str:
    from conformance import shapes

    found = shapes.named(text)
    if found == shapes.UNKNOWN:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {ENDPOINTS}")
    return found
