"""MkDocs hook: the site has the repository's files under the repository's paths."""

import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = ("*.md", "docs/**/*.md", "results/reference/*/README.md")
MEDIA = ("results/reference/**/*.svg", "docs/images/*")
LINK = re.compile(r"\]\(([^)#:]+)[^)]*\)")


def on_files(files: Files, config) -> Files:
    """Replace the files of docs_dir by the repository's pages, pictures, and what they link to."""
    pages = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    linked = [path.parent / link for path in pages for link in LINK.findall(path.read_text())]
    media = [path for pattern in MEDIA for path in sorted(ROOT.glob(pattern))]
    found = {path.resolve() for path in (*pages, *media, *linked) if path.is_file()}
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in sorted(found):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files
