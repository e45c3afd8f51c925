"""Text for LaTeX."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.latex import latex
from femb_cli.evaluation.report.tables import metrics_latex
from femb_cli.evaluation.verification.means import means_of_results


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("runs/iresnet50_v2", r"runs/iresnet50\_v2"),
        ("50% & #1 {x} $y$", r"50\% \& \#1 \{x\} \$y\$"),
        ("a~b^c\\d", r"a\textasciitilde{}b\textasciicircum{}c\textbackslash{}d"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("a--b", "a-{}-{}b"),
        ("[best]*", "{[}best]{*}"),
        ("Müller, Łódź, façade, naïve", r"M\"{u}ller, \L{}\'{o}d\'{z}, fa\c{c}ade, na\"{\i}ve"),
        ("u\N{COMBINING DIAERESIS}", r"\"{u}"),
        ("female × male", r"female $\times$ male"),
        ("模型\x07", "{[U+6A21]}{[U+578B]}{[U+0007]}"),
        ("two\nlines", "two lines"),
    ],
)
def test_nothing_in_a_name_is_a_command(text, written):
    assert latex(text) == written


def test_the_table_has_a_column_for_each_rate_that_the_pairs_can_measure(results):
    lines = metrics_latex(["plain", "a_b"], results, [ReportContents()] * 2).splitlines()
    assert lines[1] == r"\begin{tabular}{llrrrr}"
    assert r"\shortstack{FNMR at\\FMR $10^{-2}$}" in lines[3]
    assert lines[5].startswith(r"Toys \& dolls & plain & ") and lines[5].endswith(r" \\")
    assert lines[6].startswith(r" & a\_b & ")
    assert all(line.count(" & ") == 5 for line in (lines[3], lines[5], lines[6]))


def test_means_stand_below_a_line(results):
    both = [replace(result, benchmark=name) for name in ("lfw", "calfw") for result in results]
    lines = metrics_latex(["plain", "a_b"] * 2, both, [ReportContents()] * 4, means_of_results(both)).splitlines()
    rule, first, second = lines[-5:-2]
    assert rule == r"\midrule"
    assert first.startswith("Mean of 2 & plain & ") and second.startswith(r" & a\_b & ")
    assert first.split(" & ")[2] == f"{100 * results[0].metrics.accuracy:.2f}"


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdfLaTeX: apt-get install texlive-latex-recommended"
)
def test_the_table_compiles(full, tmp_path):
    (tmp_path / "table.tex").write_text((full / "table.tex").read_text())
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{table}\\end{document}\n"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
