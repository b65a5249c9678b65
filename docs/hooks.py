"""Give MkDocs the repository's pages and the files that they link to, each at its path in the repository.

The pages' relative links then hold on the site as on the Git host, and `mkdocs build --strict` checks them.
"""

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("*.md", "docs/**/*.md", "recipes/**/*.md", "benchmarks/**/*.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the pages of docs/ by all pages of the repository; keep the theme's files."""
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    linked = {target for page in pages for target in _linked_files(page)}
    ours = [
        File(path.relative_to(ROOT).as_posix(), str(ROOT), config.site_dir, config.use_directory_urls)
        for path in sorted(pages | linked)
    ]
    return Files([*(file for file in files if file.src_dir != config.docs_dir), *ours])


def _linked_files(page: Path) -> set[Path]:
    """Return the files of the repository to which a page links, other than pages."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    targets = {(page.parent / PurePosixPath(link)).resolve() for link in links if "://" not in link}
    return {target for target in targets if target.is_file() and target.suffix != ".md"}
