"""benchmarks/gpu.py with the true vLLM, on its CPU build. `make test-vllm` runs this."""

import json

import pytest

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]


def test_the_engine_is_held_against_vllm_alone(tmp_path, gpu_command):
    done = gpu_command("--tiny", "--folder", str(tmp_path), "--minutes", "12", "--only", "label", "judge")
    assert done.returncode == 0, done.stdout + done.stderr
    for task in ("label", "judge"):
        for way in ("vllm", "LLM.generate"):
            assert f"| {task} | {way} | 16 |" in done.stdout
    (file,) = (tmp_path / "measured").iterdir()
    records = json.loads(file.read_text(encoding="utf-8"))["records"]
    assert [record["stage"] for record in records] == ["label", "judge"]
