"""What is wrong with the card of a published dataset."""

from collections.abc import Iterator
from pathlib import Path

import yaml
from huggingface_hub import DatasetCard, hf_hub_download
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError

from kun_recipes.data.manifest import CARD
from kun_recipes.errors import UserError
from kun_recipes.publishing.cards.render import faults_of_text
from kun_recipes.publishing.checking.rows import Problem


def check_card(name: str) -> Iterator[Problem]:
    """Problems of the card of a folder or of a dataset on the Hub."""
    path = fetch(name, CARD)
    if path is None:
        yield Problem("no card: nobody can know what it is, or what may be done with it", False, 0, [CARD])
        return
    try:
        card = DatasetCard(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        yield Problem("its card's metadata cannot be read", True, 0, [" ".join(str(error).split())])
        return
    if not card.data.license or card.data.license == "unknown":
        yield Problem("its card names no licence: nobody may use it", False, 0, [CARD])
    if "zh" not in (card.data.language or []):
        yield Problem("its card does not say that it is Chinese (language: zh)", False, 0, [CARD])
    if faults := faults_of_text(card.text):
        yield Problem("its card is not finished", False, 0, faults)


def fetch(name: str, file: str) -> Path | None:
    """A file of a folder or of a dataset on the Hub; None where it has none."""
    if Path(name).is_dir():
        path = Path(name, file)
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(name, file, repo_type="dataset"))
    except LocalEntryNotFoundError as error:
        raise UserError(f"{name}: the Hub cannot be reached for {file}") from error
    except RemoteEntryNotFoundError:
        return None
    except HTTPError as error:
        raise UserError(f"{name}: {file} cannot be fetched: {str(error).strip().partition(chr(10))[0]}") from error
