"""Model files and options that cannot be served: one line on stderr, and a number as the end."""

import os
import re
import socket
import struct
import subprocess
import sys

import pytest

gguf = pytest.importorskip("gguf", reason="it belongs to the extra 'reference'")
np = pytest.importorskip("numpy", reason="it belongs to the extra 'reference'")

from reference_server.engine import room as rooms  # noqa: E402 - of the extra
from reference_server.engine.model import Model, ModelError  # noqa: E402
from reference_server.engine.room import room  # noqa: E402

pytestmark = pytest.mark.usefixtures("engine_extra")


@pytest.fixture(scope="module")
def scripted(model_cache):
    from reference_server.model import scripted_model

    return scripted_model().read_bytes()


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        return path

    return write


def start(*arguments):
    command = [sys.executable, "-m", "reference_server", "--port", "0", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def refused(*arguments):
    """The one line that the program says before it ends."""
    ended = start(*arguments)
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    [line] = ended.stderr.splitlines()
    assert line.startswith("reference_server: ")
    return line


def patched(content, key, before, after):
    """Another text of the same length in the place after a key."""
    assert len(before) == len(after)
    place = content.index(before, content.index(key) + len(key))
    return content[:place] + after + content[place + len(before) :]


def test_a_scripted_model_that_is_not_whole_any_more_is_built_again(tmp_path, monkeypatch):
    from reference_server.model import scripted_model

    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path))
    path = scripted_model()
    whole, built = path.read_bytes(), path.stat().st_mtime_ns
    assert (scripted_model(), path.stat().st_mtime_ns) == (path, built)
    for broken in (whole[: len(whole) // 2], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(broken)
        assert scripted_model() == path
        assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_missing_or_none_is_named(tmp_path):
    for path in (tmp_path / "none.gguf", tmp_path):
        assert str(path) in refused("--model", path)


@pytest.mark.parametrize("content", [b"", b"GG", b"This is no model, only some text.\n", b"\0" * 5000, b"PK\3\4" * 99])
def test_a_file_of_another_kind_is_refused(file, content):
    with pytest.raises(ModelError, match=r"^cannot load .*model\.gguf: \S.*") as caught:
        Model(file(content), sequences=1, context=None, batch=8)
    assert "\n" not in str(caught.value)


def test_a_file_cut_anywhere_is_refused(scripted, file):
    lengths = {4, 7, 8, 15, 16, 23, 24, 40, 1000, *range(5000, 60_000, 5000), len(scripted) // 2, len(scripted) - 1}
    for length in sorted(lengths):
        with pytest.raises(ModelError, match=r"^cannot load "):
            Model(file(scripted[:length]), sequences=1, context=None, batch=8)


def test_a_cut_file_ends_the_program_with_one_line(scripted, file):
    path = file(scripted[: len(scripted) // 2])
    assert f"cannot load {path}: " in refused("--model", path)


@pytest.mark.parametrize(
    ("key", "before", "after", "reason"),
    [
        (b"general.architecture", b"llama", b"lhama", "unknown model architecture: 'lhama'"),
        (b"tokenizer.ggml.model", b"llama", b"lhama", "unknown tokenizer: 'lhama'"),
        (b"tokenizer.ggml.tokens", b"<|user|>", b"<|tool|>", r"id_to_token\.size\(\)"),  # llama.cpp would abort
        (
            b"tokenizer.chat_template",
            b"{%- if tools %}",
            b"{%- if tools %%",
            "the chat template of the model is broken",
        ),
        (b"", b"token_embd.weight", b"token_emfd.weight", "token_embd.weight"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_reason(scripted, file, key, before, after, reason):
    assert re.search(reason, refused("--model", file(patched(scripted, key, before, after))))


def test_a_vocabulary_without_weights_is_refused(scripted, file):
    path = file(scripted[:8] + struct.pack("<Q", 0) + scripted[16:])
    assert f"cannot load {path}" in refused("--model", path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(scripted, file):
    path = file(scripted)
    path.chmod(0)
    assert f"cannot load {path}" in refused("--model", path)


def test_a_model_that_only_makes_vectors_is_refused(tmp_path):
    path = tmp_path / "bert.gguf"
    write_bert(path)
    assert refused("--model", path).endswith("has no decoder, and this server needs one that writes text")


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: " in refused("--port", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 300])
def test_a_host_that_cannot_be_listened_on_is_named(host):
    assert f"cannot listen on {host}:0: " in refused("--host", host)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--context", 16385, "trained for texts of 16384 tokens"),
        ("--context", 10**12, "trained for texts of 16384 tokens"),
        ("--parallel", 257, "more than llama.cpp's 256"),
        ("--parallel", 10**12, "more than llama.cpp's 256"),
    ],
)
@pytest.mark.usefixtures("model_cache")
def test_options_beyond_the_model_are_refused(option, value, reason):
    assert reason in refused(option, value)


def test_a_text_has_the_usual_room_or_what_the_model_was_trained_for():
    assert room(None, trained=131072, texts=4, token_bytes=1) == 4096
    assert room(None, trained=1024, texts=4, token_bytes=1) == 1024
    assert room(None, trained=0, texts=4, token_bytes=1) == 4096
    assert room(2048, trained=2048, texts=4, token_bytes=1) == 2048


def test_a_context_that_no_memory_can_hold_is_refused(monkeypatch):
    monkeypatch.setattr(rooms, "memory", lambda: 16 * 2**30)
    with pytest.raises(ValueError, match="64 GiB, and this machine has 16"):
        room(131072, trained=131072, texts=4, token_bytes=2**17)
    monkeypatch.setattr(rooms, "memory", lambda: None)  # where the system does not say
    assert room(131072, trained=131072, texts=4, token_bytes=2**17) == 131072


def write_bert(path, width=32):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s"]
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(words)
    writer.add_token_types([3] * 5 + [1] * 2)
    writer.add_token_type_count(2)
    block = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down")
    norms = ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm")
    shapes = {"token_embd.weight": (len(words), width), "token_types.weight": (2, width)}
    shapes["position_embd.weight"] = (64, width)
    shapes |= {f"blk.0.{name}.weight": (width, width) for name in block}
    shapes |= {f"blk.0.{name}.bias": (width,) for name in block}
    shapes |= {f"{name}.{part}": (width,) for name in norms for part in ("weight", "bias")}
    for name, shape in shapes.items():
        writer.add_tensor(name, np.ones(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
