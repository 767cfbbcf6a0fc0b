"""What of a study is small enough to publish: tables, figures, and a page that shows them."""

import lzma
import shutil
from pathlib import Path

from effective_sparsity.claims.page import markdown
from effective_sparsity.claims.page import page as claims_page
from effective_sparsity.figures.registry import FIGURES
from effective_sparsity.figures.tables import reduced_text
from effective_sparsity.report.content import facts
from effective_sparsity.study.results import Results

# Tables above this size, in bytes, are compressed.
_COMPRESSED_ABOVE = 20_000
# Tables above this size stay behind, and always the one from which no figure, verdict or document follows.
_STAYS_ABOVE = 50_000_000
_STAYS = "history"


def publish(folder: Path | str, target: Path | str) -> None:
    """Copy the tables of a study, its figures as SVG with the data drawn, and write README.md to show them.

    Training histories and the curves of very many seeds stay behind, and so do figures drawn from them.
    Equal results give equal files. What `target` held before is removed, once the new files are complete.

    Args:
        folder: the study's folder, with all tables and figures.
        target: the folder to write.
    """
    folder, target = Path(folder), Path(target)
    part = target.with_name(f".{target.name}")
    shutil.rmtree(part, ignore_errors=True)
    for path in sorted([*folder.glob("tables/*.csv"), *folder.glob("tables/*.json")]):
        if path.stem != _STAYS and path.stat().st_size <= _STAYS_ABOVE:
            _copy(path, part / path.relative_to(folder))
    published = Results(part).tables
    for name, figure in FIGURES.items():
        if set(figure.tables) <= set(published):
            for path in sorted(folder.glob(f"figures/{name}.*")):
                if path.suffix in (".svg", ".csv"):
                    _copy(path, part / path.relative_to(folder))
    (part / "README.md").write_text(_page(Results(part)))
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)


def _copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv" and path.stat().st_size > _COMPRESSED_ABOVE:
        Path(f"{copy}.xz").write_bytes(lzma.compress(path.read_bytes()))
    else:
        shutil.copyfile(path, copy)


def _page(results: Results) -> str:
    """The study in Markdown: what it was, claims with verdicts (if it trained), figures."""
    subnetworks = results.table("subnetworks")
    reduced = reduced_text(subnetworks)
    lines = [f"# Results of the study `{results.study}`", ""]
    if reduced:
        lines += [f"**Not the paper's full setting.** {reduced}", ""]
    lines += [*markdown(["", ""], facts(subnetworks, results.provenance)), ""]
    if "claims" in results.tables:
        lines.append(claims_page(results.table("claims"), results.table("measurements"), heading="##"))
    lines.append("## Figures")
    for name, figure in FIGURES.items():
        if (results.folder / f"figures/{name}.svg").is_file():
            picture = f"![{figure.title}](figures/{name}.svg)"
            lines += ["", f"### {figure.title}", "", picture, "", figure.caption]
    return "\n".join(lines) + "\n"
