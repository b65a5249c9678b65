"""The baselines: trained as the final models of kun-6b are, on sets in the forms in which their makers give them."""

import json
import re
from pathlib import Path

import pytest
from datasets import Dataset

from kun_recipes.chain.loading import load_chain
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.data.pairs import load_pairs

REPOSITORY = Path(__file__).resolve().parents[1]
BASELINES = sorted(path.stem for path in (REPOSITORY / "recipes/baselines").glob("final_model_*.yaml"))
OWN = {
    "model_name_or_path",
    "model_revision",
    "output_dir",
    "seeds",
    "seeds_split",
    "train_rows",
    "instruction_column",
}

ROWS = {
    "coig_one_38k": {"instruction": "把句子改成被动句。", "input": "小李打碎了杯子。", "output": "杯子被小李打碎了。"},
    "belle_52k": {
        "instruction": "给出三种节约用水的办法。\n",
        "input": "",
        "output": "一水多用，修好龙头，缩短淋浴。",
    },
    "ol_cc_10k": {"instruction": "竹子为什么长得快？", "output": "竹子的每一节都有分生组织，各节同时伸长。"},
    "smoltalk_chinese": {
        "conversations": [
            {"role": "user", "content": "推荐一种耐阴的花。"},
            {"role": "assistant", "content": "可以养绿萝。"},
        ]
    },
    "coig_cqia": {
        "instruction": "怎样煮出溏心蛋？",
        "input": "",
        "output": "水开后放入鸡蛋，煮六分钟，马上过凉水。",
        "task_type": {"major": ["问答"], "minor": ["生活"]},
        "domain": ["生活"],
        "metadata": None,
        "answer_from": "human",
        "human_verified": True,
    },
}
"""A row of each set as its card shows them, reworded; that of OL-CC and the column of smoltalk-chinese are assumed."""


def test_there_are_rows_for_each_baseline():
    assert sorted(f"final_model_{name}" for name in ROWS) == BASELINES


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_trained_as_the_final_models_of_kun_6b(name):
    file = REPOSITORY / f"recipes/baselines/{name}.yaml"
    own, theirs = (read_yaml_mapping(str(path)) for path in (file, REPOSITORY / "recipes/kun-6b/final_model.yaml"))
    assert {key: own.get(key) for key in theirs.keys() - OWN} == {key: theirs[key] for key in theirs.keys() - OWN}
    assert own.keys() - theirs.keys() <= OWN
    head = file.read_text(encoding="utf-8").partition("\n\n")[0]
    assert re.search(r"[Ll]icence|Apache|GPL", head)
    assert re.search(r"hf download|Put |from the Hub", head)
    assert own["output_dir"] == f"outputs/baselines/{name.removeprefix('final_model_')}"
    assert own["output_dir"] in read_yaml_mapping(str(REPOSITORY / "recipes/baselines/evaluate.yaml"))["models"]


@pytest.mark.parametrize("name", BASELINES)
def test_a_dry_run_reads_the_rows_of_its_set(name, hub, tmp_path, monkeypatch):
    for linked in ("recipes", "accelerate_configs"):
        (tmp_path / linked).symlink_to(REPOSITORY / linked)
    monkeypatch.chdir(tmp_path)
    (stage,) = load_chain("recipes/baselines", [], future=("data",), only=[name]).stages
    config, row, path = stage.config, ROWS[name.removeprefix("final_model_")], stage.config.seeds
    if path.endswith((".json", ".jsonl")):
        Path(path).parent.mkdir()
        Path(path).write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        stage.kind.check_inputs(config, {path})
    else:
        monkeypatch.setenv("HF_TOKEN", "hf_ana")
        path = f"ana/{path.partition('/')[2]}"
        for split in ("train", "test"):
            Dataset.from_list([row]).push_to_hub(path, split=split, private=True, token="hf_ana")
    pairs, removed = load_pairs(path, config.instruction_column, config.output_column, config.seeds_part())
    assert (len(pairs), removed) == (1, [])
    texts = [value for value in row.values() if isinstance(value, str) and value.strip()]
    wanted = texts or [turn["content"] for turn in row["conversations"]]
    assert all(text.strip() in f"{pairs[0].instruction} {pairs[0].output} human" for text in wanted)
