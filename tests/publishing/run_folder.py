"""A finished run in small, written by hand: stage folders with their rows and summaries, and three models."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatrove.data import Document

from kun_recipes.config.command_line import load
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data.folders import fingerprint
from kun_recipes.data.rows import row_writer
from kun_recipes.execution.asked import describe
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import model_identity
from kun_recipes.publishing.config import PublishConfig

PROMPTS = "recipes/prompts"
ANSWERS = {
    "wudao": ["水的沸点是多少？", "标准大气压下，水的沸点是100摄氏度，气压越低沸点越低。"],
    "wanjuan": ["为什么冬天要给汽车换防冻液？", "防冻液的冰点低，可以防止冷却系统在低温下结冰胀裂。"],
    "skypile": ["怎样保存新鲜的香菜？", "把香菜根部用湿纸巾包好，装进保鲜袋，放入冰箱冷藏。"],
}


class RunFolder:
    """The folder of a run, and the options of what publishes it."""

    def __init__(self, folder: Path, tiny_model: Path):
        self.folder = folder
        self.options: dict[str, Any] = {
            "corpus_dir": folder / "corpus",
            "label_dir": folder / "label",
            "refine_dir": folder / "refine",
            "model_dirs": [folder / name for name in ("label_model", "primary_chat_model", "final_model")],
            "recipes": ["recipes/demo"],
            "output_dir": folder / "publish",
            "namespace": "ana",
            "repositories": ["dataset=Pairs", "candidates=Candidates", "label_model=Labeller", "final_model=Final"],
            "sources": [
                "wudao,licence=cc-by-nc-4.0,origin=https://example.org/wudao",
                "wanjuan,licence=cc-by-4.0,origin=words",
                "skypile,licence=skywork,origin=Skywork/SkyPile-150B",
            ],
            "model_licence": "apache-2.0",
            "seeds_origin": "pairs of our own (CC0 1.0)",
            "base_model": "org/base",
        }
        self._write_models(tiny_model)
        self.rows = [row for source in ANSWERS for row in (self.row(source, 0), self.row(source, 1))]
        self.write()

    def config(self, **changes: Any) -> PublishConfig:
        return load(PublishConfig, self.words(**changes))

    def words(self, **changes: Any) -> list[str]:
        """The command line; a list is written as its items."""
        given = {key: value for key, value in (self.options | changes).items() if value is not None}
        items = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
        return [str(word) for key, value in items.items() for word in (f"--{key}", *value)]

    def row(self, source: str, number: int, **changes: Any) -> dict[str, Any]:
        """A finished row, as the refine stage leaves it."""
        instruction, output = ANSWERS[source]
        return {
            "id": f"{source}{number}",
            "text": f"片段{number}：{output}",
            "source": source,
            "document_id": f"d{number}",
            "title": "生活常识",
            "span_start": 0,
            "span_end": 20,
            "tokens": 20 + number,
            "instruction": instruction if number == 0 else f"{instruction}请简要说明。",
            "instruction_tokens": 8,
            "instruction_finish_reason": "stop",
            "instruction_logprob": -0.5,
            "instruction_prior_logprob": -1.5,
            "perplexity": 1.65,
            "fit": 1.0,
            "filter_logodds": 2.0,
            "filter_logodds_calibrated": 1.0,
            "filter_probability": 0.88,
            "score_logodds": 0.5,
            "score_logodds_calibrated": 0.25,
            "score_probability": 0.62,
            "output": output,
            "output_tokens": 24,
            "output_finish_reason": "stop",
            "output_logprob": -0.25,
            "label_model": model_identity(self.folder / "label_model"),
            "label_prompt": load_prompt(f"{PROMPTS}/label.txt", {"segment"}).fingerprint,
            "chat_model": model_identity(self.folder / "primary_chat_model"),
            "polish_prompt": load_prompt(f"{PROMPTS}/polish.txt", {"segment", "instruction"}).fingerprint,
            **changes,
        }

    def write(self, labelling: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Write the stages and their rows again; `changes` are values of the refine stage's config.

        Args:
            labelling: values of the label stage's config.
        """
        dropped = [self.row("wudao", number, id=f"dropped{number}") for number in range(2)]
        candidates, kept = [*self.rows, *dropped], len(self.rows)
        label = LabelConfig(
            segments=str(self.folder / "corpus/rows"),
            output_dir="",
            model=str(self.folder / "label_model"),
            max_perplexity=4,
            min_fit_percentile=5,
            **(labelling or {}),
        )
        refine = RefineConfig(
            candidates=str(self.folder / "label/rows"),
            output_dir="",
            dataset_dir="",
            model=str(self.folder / "primary_chat_model"),
            judge_data=["recipes/demo/data/judge.jsonl"],
            **changes,
        )
        judge = {"bias": 0.1, "threshold": 0.5, "threshold_from": "config", "held_out": 50, "calibration_error": 0.07}
        judge |= {
            "auc": 0.9,
            "auc_low": 0.79,
            "auc_high": 0.96,
            "accuracy": 0.8,
            "accuracy_low": 0.67,
            "accuracy_high": 0.89,
        }
        judges = {"filter": judge, "score": {**judge, "accuracy": 0.7}}
        if refine.verify:
            judges |= {"support": {**judge, "bias": 0.0}, "answer": judge}
        corpus = {"documents": 9, "config": self._corpus_config()}
        self._stage("corpus", [], kept + 3, {"contaminated": 1, "email": 1}, corpus)
        self._removed("corpus/removed/09_decontamination", reason="contaminated", value="evaluation_prompts/3 0.91")
        self._stage("label", candidates, kept + 2, {"fit": 1}, {"config": describe(label)})
        self._stage("refine", self.rows, kept, {"phone_number": 2}, {"config": describe(refine), "judges": judges})

    def _corpus_config(self) -> dict[str, Any]:
        prompts = {"path": "recipes/demo/data/evaluation_prompts.jsonl", "content": "e8aae984e40a2a9e"}
        near = {"near_duplicates": True, "minhash_buckets": 14, "minhash_hashes": 8, "minhash_ngram": 5}
        unset = dict.fromkeys(["max_segments", "sample_rows", "privacy", "rules"])
        inputs = {"corpora": [{"path": "/home/ana/corpus", "format": "wudao"}], "max_tokens": 512}
        return {**inputs, "benchmarks": [{"path": prompts, "format": "prompts"}], **near, **unset}

    def _stage(
        self, name: str, rows: list[dict[str, Any]], kept: int, removed: dict[str, int], more: dict[str, Any]
    ) -> None:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("measured", "rows"):
            with row_writer(folder / part) as writer:
                for row in rows:
                    metadata = {key: value for key, value in row.items() if key not in ("id", "text")}
                    writer.write(Document(row["text"], row["id"], metadata=metadata), 0)
        summary = {"stage": name, "rows_in": kept + sum(removed.values()), "rows_kept": kept, "removed": removed}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stage.json").write_text(json.dumps({**summary, "seconds": 1.5, **more}), encoding="utf-8")

    def write_not_best(self, stage: str, count: int) -> None:
        """Have a stage say that further candidates were written for its rows."""
        path = self.folder / stage / "stage.json"
        summary = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**summary, "not_best": count}), encoding="utf-8")

    def write_evaluation(self, dataset: str, metric: Mapping[str, Any]) -> Path:
        """Write one result of the final model on C-Eval as the evaluate stage does, and return that stage's folder."""
        entry = {
            "task": {"type": "multiple-choice", "name": "Multiple choice"},
            "dataset": {"type": "ceval/ceval-exam", "name": dataset, "split": "val"},
            "metrics": [{"type": "accuracy", **metric}],
        }
        folder = self.folder / "evaluate"
        (folder / "model_index").mkdir(parents=True)
        (folder / "model_index/final_model.json").write_text(json.dumps([entry]), encoding="utf-8")
        return folder

    def _removed(self, folder: str, **values: str) -> None:
        with row_writer(self.folder / folder) as writer:
            writer.write(Document("题目", "x", metadata={"source": "wudao", **values}), 0)

    def _write_models(self, tiny_model: Path) -> None:
        """Three models whose weights differ, each with the summary of its training."""
        from safetensors.numpy import load_file, save_file

        bases = {"label_model": "base", "primary_chat_model": "base", "final_model": "primary_chat_model"}
        for number, (name, base) in enumerate(bases.items()):
            folder = self.folder / name
            shutil.copytree(tiny_model, folder)
            weights = load_file(folder / "model.safetensors")
            weights["model.norm.weight"] = weights["model.norm.weight"] + number
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
            (folder / "logs").mkdir()
            (folder / "logs" / "events").write_text("private", encoding="utf-8")
            begun = self.folder / base
            config = {
                "model_name_or_path": {"path": str(begun), "content": fingerprint(begun) if begun.is_dir() else "0"},
                "seeds": {"path": "/home/ana/seeds.jsonl", "content": "1"},
            }
            if name == "label_model":
                path = Path(PROMPTS, "label.txt")
                content = load_prompt(path, {"segment"}).fingerprint
                config["label_prompt"] = {"path": str(path), "content": content, "prompt": True}
            summary = {
                "rows_in": 10,
                "rows_kept": 9,
                "removed": {"empty_output": 1},
                "seconds": 3.0,
                "rows_held_out": 2,
                "mixed": [],
                "judge_items": 0,
                "judge_conversations": 0,
                "tokens": 900,
                "tokens_trained": 300,
                "steps": 7,
                "throughput": {"tokens_per_second": 300.0},
                "loss_first": 3.0,
                "loss_last": 2.0,
                "held_out_loss_before": 3.5,
                "held_out_loss_after": 2.5,
                "config": config,
            }
            (folder / "train_summary.json").write_text(json.dumps(summary), encoding="utf-8")
