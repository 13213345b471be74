"""The plot of ``fastgeo bench``: ratios to the best peer and to the reference, one bar a row."""

from __future__ import annotations

from fastgeo.cli.common import format_ratio, optional, save_figure
from fastgeo.cli.figure_style import BLUE, ORANGE, PALE, STYLE
from fastgeo.cli.measure import Outcome


def draw(path: str, outcomes: list[Outcome]) -> None:
    matplotlib = optional("matplotlib")
    matplotlib.use("Agg")
    plt = optional("matplotlib.pyplot")
    shown = outcomes[::-1]
    with matplotlib.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(10, 1.6 + 0.34 * len(shown)), layout="constrained")
        for contestant, colour, shift in (("peer", BLUE, 0.2), ("reference", ORANGE, -0.2)):
            names = [outcome.best_peer if contestant == "peer" else "reference" for outcome in shown]
            ratios = [outcome.ratio_to(name) for outcome, name in zip(shown, names, strict=True)]
            places = [place + shift for place, ratio in enumerate(ratios) if ratio]
            known = [(ratio, name) for ratio, name in zip(ratios, names, strict=True) if ratio]
            label = "best installed peer" if contestant == "peer" else "NumPy reference"
            # Bars start at 1: to the right the kernel is the faster, to the left the slower.
            widths = [ratio - 1 for ratio, _ in known]
            axes.barh(places, widths, left=1, height=0.36, color=colour, label=f"over the {label}")
            texts = [format_ratio(ratio) + (f" {name}" if contestant == "peer" else "") for ratio, name in known]
            for place, text, (ratio, _) in zip(places, texts, known, strict=True):
                axes.annotate(text, (max(ratio, 1), place), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(shown)), [outcome.row.name for outcome in shown], fontsize=9)
        axes.set_xscale("log")
        axes.axvline(1, color=PALE, lw=1)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.8), high * 4)
        axes.tick_params(axis="y", length=0)
        figure.suptitle("fastgeo: times as fast, one run", fontweight="bold")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        try:
            save_figure(figure, path)
        finally:
            plt.close(figure)
