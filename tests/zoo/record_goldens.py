"""Record goldens anew from the reference server: `python tests/zoo/record_goldens.py [PROBE ...]`, without names all.

To be run when a probe, or the wire shape of the reference server, changes. Read the diff before you commit it.
"""

import asyncio
import sys
from pathlib import Path

from conformance import goldens
from conformance.mutation import blocks, with_blocks
from conformance.probes import PROBES, completions, embeddings, mistakes, models, parameters, sampling
from conformance.record import Recorder
from conformance.target import KEY_VARIABLE, parse
from conformance.transcript import Transcript, dumps
from conformance.views.answer import is_stream
from reference_server.launchers import launch

FOLDER = Path(goldens.__file__).parent
REFUSED = {probe.name for family in (completions, embeddings, models, sampling) for probe in family.REFUSED}
REFUSED |= {probe.name for probe in (*mistakes.PROBES, *mistakes.KEYS, *mistakes.LAST)} | set(parameters.REFUSED)


def one_read_an_event(transcript: Transcript) -> Transcript:
    """Faults replace events one by one, so a golden has each in a read of its own."""
    return with_blocks(transcript, blocks(transcript)) if is_stream(transcript) else transcript


def main(names: set[str]) -> int:
    """Record, and say what was left out."""
    probes = [probe for probe in PROBES if not names or probe.name in names]
    with launch("reference", key="golden-key") as server:
        target = parse(server.url, environment={KEY_VARIABLE: server.key}, model="scripted")
        transcripts = asyncio.run(Recorder(target).record(probes))
    for old in FOLDER.glob("*.json"):
        if not names or old.stem in names:
            old.unlink()
    for transcript in transcripts:
        if (transcript.status == 200) == (transcript.probe in REFUSED):
            sys.stderr.write(f"{transcript.probe}: status {transcript.status}, left out\n")
        else:
            (FOLDER / f"{transcript.probe}.json").write_text(dumps(one_read_an_event(transcript)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
