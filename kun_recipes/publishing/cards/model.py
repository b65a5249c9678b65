"""The card of a model: what it is for, how it was trained, what was measured."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import HUB_ID
from kun_recipes.publishing.cards.provenance import (
    Prompt,
    base_model,
    commands,
    hub_link,
    hub_page,
    licence_of,
    model_link,
    package_version,
    read_prompts,
    settings_of,
    trained_path,
)
from kun_recipes.publishing.cards.render import render_card
from kun_recipes.publishing.config import DATASET, PublishConfig
from kun_recipes.publishing.record import RunRecord, TrainedModel
from kun_recipes.reporting.language import listed, speaking, tr

TASK = "text-generation"
REQUEST = "请介绍一下长城的历史。"
"""Request in the card's example, for a model that answers."""

OWN_PAIRS = "held-out pairs of its own data ({rows_held_out})"
JUDGE_ITEMS = "labelled judge items, held out ({held_out})"
PLOT = "loss.png"

Result = dict[str, Any]
"""An entry of the Hub's model-index: task, dataset, and metrics, which may have a confidence_interval."""


@dataclass(frozen=True)
class ModelCard:
    """Sources of the card of a model."""

    config: PublishConfig
    record: RunRecord
    model: TrainedModel

    def render(self) -> str:
        """Return the README.md; raises UserError where a fact is missing."""
        prompts = read_prompts([self.model.summary["config"]])
        results = self._results()
        with speaking(self.config.language):
            return render_card(self.config.template("model"), self._facts(prompts, results), self._metadata(results))

    def _metadata(self, results: list[Result]) -> ModelCardData:
        title = self.config.names[self.model.name]
        dataset = self._dataset()
        return ModelCardData(
            model_name=title,
            language="zh",
            library_name="transformers",
            pipeline_tag=TASK,
            base_model=self._published_base() or self._base(),
            datasets=[dataset] if dataset else None,
            tags=["kun", "back-translation", "dpo" if self._is_preference else "sft"],
            eval_results=model_index_to_eval_results([{"name": title, "results": results}])[1],
            **licence_of(self.config, self.record, self.model).metadata(),
        )

    @property
    def _is_preference(self) -> bool:
        """True if the training was on preference pairs."""
        return "reward_accuracy" in self.model.summary

    def _facts(self, prompts: list[Prompt], results: list[Result]) -> dict[str, Any]:
        summary = self.model.summary
        config = summary["config"]
        direct = ("steps", "tokens", "tokens_trained", "judge_items", "judge_conversations", "loss_first", "loss_last")
        return {
            **{key: summary[key] for key in direct},
            "title": self.config.names[self.model.name],
            "repository": self.config.repository(self.model.name),
            "page": hub_page(self.config.repository(self.model.name)),
            "tag": self.config.tag,
            "role": self.model.role,
            "preference": self._is_preference,
            "base": self._base_link(),
            "request": json.dumps(self._request(prompts), ensure_ascii=False),
            "data": self._data(),
            "pairs": summary["rows_kept"],
            "held_out": summary["rows_held_out"],
            "mixed": listed(
                tr("{source}: {rows} rows", source=trained_path(one["source"]), rows=one["rows_kept"])
                for one in summary["mixed"]
            ),
            "removed": summary["removed"],
            "weights": _weights(config),
            "identity": self.model.identity,
            "has_plot": (self.model.folder / PLOT).is_file(),
            "results": list(_rows(results)),
            "evaluated": bool(self._evaluated()),
            "licence": licence_of(self.config, self.record, self.model),
            "dataset_licences": self._dataset_licences(),
            "prompts": prompts,
            "version": package_version(),
            "commands": commands(self.config, self.record),
            "configuration": [settings_of(self.model.name, config)],
        }

    def _request(self, prompts: list[Prompt]) -> str:
        """Return the request in the card's example; the label model was trained on one request alone."""
        if self.model.role != "label":
            return REQUEST
        return load_prompt(prompts[0].path, {"segment"}).question

    def _results(self) -> list[Result]:
        """Return the results of the run itself and of the evaluate stage."""
        own = [_result(OWN_PAIRS.format(**self.model.summary), "loss", name, value) for name, value in self._losses()]
        judges = self.record.refine["judges"] if self.model.role == "chat" else {}
        for name, judge in judges.items():
            items = JUDGE_ITEMS.format(**judge)
            for metric, key, title in (("roc_auc", "auc", "area under ROC"), ("accuracy", "accuracy", "accuracy")):
                bounds = [judge[f"{key}_low"], judge[f"{key}_high"]]
                own.append(_result(items, metric, f"{name} judge: {title}", judge[key], bounds))
        return [*own, *self._evaluated()]

    def _losses(self) -> Iterator[tuple[str, float]]:
        after = self.model.summary["held_out_loss_after"]
        if after is not None:
            yield "loss (DPO)" if self._is_preference else "loss per token (nats)", after
            yield "the same before training", self.model.summary["held_out_loss_before"]
        if self._is_preference and (accuracy := self.model.summary["reward_accuracy"]) is not None:
            yield "the chosen answer has the higher reward", accuracy

    def _evaluated(self) -> list[Result]:
        """Return the entries that the evaluate stage wrote for this model; none where it was not asked."""
        if self.config.evaluation_dir is None:
            return []
        path = Path(self.config.evaluation_dir, "model_index", f"{self.model.name}.json")
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def _base(self) -> str:
        return base_model(self.config, self.record, self.model)

    def _published_base(self) -> str | None:
        return self.config.published_repository(self.model.base)

    def _base_link(self) -> str:
        base = self.record.models.get(self.model.base)
        return model_link(self.config, base) if base else hub_link(self._base())

    def _dataset(self) -> str | None:
        """Return the Hub's id of what the model was trained on, where it has one."""
        if self.model.role == "final":
            return self.config.published_repository(DATASET)
        return self._seeds_origin() if HUB_ID.fullmatch(self._seeds_origin()) else None

    def _data(self) -> str:
        if dataset := self._dataset():
            return hub_link(dataset, "datasets/")
        if self.model.role == "final":
            return tr("the refined pairs of the same run, which are not published")
        return self._seeds_origin()

    def _seeds_origin(self) -> str:
        assert self.config.seeds_origin is not None  # the config refuses to publish models without it
        return self.config.seeds_origin

    def _dataset_licences(self) -> str:
        if self.model.role != "final":
            return ""
        return listed(f"{source}: {licence.name}" for source, licence in self.config.licences_of_sources().items())


def _result(dataset: str, metric: str, name: str, value: float, bounds: list[float] | None = None) -> Result:
    interval = {"confidence_interval": bounds} if bounds else {}
    metrics = [{"type": metric, "name": name, "value": value, **interval}]
    return {"task": {"type": TASK}, "dataset": {"type": "held-out", "name": dataset}, "metrics": metrics}


def _rows(results: list[Result]) -> Iterator[dict[str, str]]:
    """Yield the rows of the card's table."""
    for result in results:
        for metric in result["metrics"]:
            value = f"{metric['value']:.4g}"
            if interval := metric.get("confidence_interval"):
                value += " ({:.4g}–{:.4g})".format(*interval)
            yield {"dataset": result["dataset"]["name"], "metric": metric["name"], "value": value}


def _weights(config: dict[str, Any]) -> str:
    if not config.get("use_peft"):
        return tr("all weights")
    targets = config["lora_target_modules"]
    where = tr(" on {targets}", targets=listed(targets)) if targets else ""
    merged = tr(", merged") if config["merge_adapters"] else ""
    return tr("LoRA adapters of rank {rank}", rank=config["lora_r"]) + where + merged
