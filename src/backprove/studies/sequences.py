"""Which networks learn what from sequences, and how far back their gradients reach, by training.

Unlike the other studies this one trains networks; `backprove.training.sequences` does that, and
what is here turns its outcome into words, tables and pictures.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backprove.studies.frame import Picture, Result, Table
from backprove.studies.style import line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from backprove.training.sequences.study import Facts, Outcome

NAME = "sequences"
QUESTION = (
    "Which networks learn the next word, recall after a lag, and digits read row by row; and how "
    "far back does their gradient reach?"
)
#: an accuracy that far below the best that can be reached counts as not learnt
SHORT = 0.1
#: a gradient at the first step so far below that at the last counts as vanished
GONE = 1e-3
#: accuracies are told apart where they differ by more than so many standard errors
ERRORS = 2.0


def result(made: Outcome) -> Result:
    """The outcome as a study's result."""
    from backprove.training.sequences.networks import NETWORKS

    networks = dict(NETWORKS)
    return Result(
        name=NAME,
        question=QUESTION,
        # as the command takes them; the rates have a table of their own
        settings={name: value for name, value in asdict(made.plan).items() if name != "rates"},
        conclusion=tuple(_conclusion(made, networks)),
        tables=(
            *(_table(made, facts, networks) for facts in made.tasks),
            _sizes(made, networks),
            _rates(made, networks),
        ),
        pictures=(
            _losses(made, networks),
            _accuracies(made, networks),
            _through_time(made, networks),
        ),
        data={
            "device": made.device,
            "runs": [{**asdict(s), **asdict(h)} for s, h in (made.pilots | made.runs).items()],
        },
    )


def _pm(value: tuple[float, float]) -> str:
    """Mean ± standard deviation, with three digits of the mean."""
    middle, spread = value
    # with spaces at which no line is broken
    return f"{middle:.3f}\u00a0±\u00a0{'–' if math.isnan(spread) else f'{spread:.3f}'}"


def _table(made: Outcome, facts: Facts, networks: dict[str, str]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for kind, words in networks.items():
        runs = made.of(facts.name, kind)
        first = [h.end[0] / h.end[-1] for h in runs if h.end and h.end[-1]]
        before = [h.start[0] / h.start[-1] for h in runs if h.start and h.start[-1]]
        rows.append(
            (
                words,
                _pm(made.spread(facts.name, kind, lambda h: h.train[-1])),
                _pm(made.spread(facts.name, kind, lambda h: h.test[-1])),
                _pm(made.spread(facts.name, kind, lambda h: h.accuracy[-1])),
                sum(before) / len(before) if before else float("nan"),
                sum(first) / len(first) if first else float("nan"),
            )
        )
    best = f"at best {facts.best:.3f}, " if facts.best < 1 else ""
    return Table(
        facts.name,
        f"{facts.name}: {facts.words} ({best}by chance {1 / facts.classes:.3f})",
        (
            "network",
            "train loss",
            "test loss",
            "test accuracy",
            "gradient first/last, before",
            "after",
        ),
        tuple(rows),
    )


def _sizes(made: Outcome, networks: dict[str, str]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for kind, words in networks.items():
        of = [made.of(facts.name, kind)[0] for facts in made.tasks]
        seconds = sum(sum(h.seconds) for facts in made.tasks for h in made.of(facts.name, kind))
        rows.append((words, *(f"{h.parameters} ({h.width} wide)" for h in of), round(seconds, 1)))
    return Table(
        "sizes",
        f"Parameters (at most {made.plan.budget}), and seconds of training for all seeds",
        ("network", *(facts.name for facts in made.tasks), "seconds"),
        tuple(rows),
    )


def _rates(made: Outcome, networks: dict[str, str]) -> Table:
    """The pilots' losses on data kept apart, by rate, and which rate was chosen."""
    rows: list[tuple[Any, ...]] = []
    for kind, words in networks.items():
        cells: list[str] = []
        for facts in made.tasks:
            of = {
                s.rate: h.test[-1]
                for s, h in made.pilots.items()
                if (s.task, s.network) == (facts.name, kind)
            }
            losses = " / ".join(f"{of[rate]:.2f}" for rate in made.plan.rates)
            cells.append(f"{made.rate(facts.name, kind):g}\u2002({losses})")
        rows.append((words, *cells))
    rates = " / ".join(f"{rate:g}" for rate in made.plan.rates)
    return Table(
        "rates",
        f"Learning rates chosen, and what the pilots' losses were with {rates}",
        ("network", *(facts.name for facts in made.tasks)),
        tuple(rows),
    )


def _conclusion(made: Outcome, networks: dict[str, str]) -> list[str]:
    said: list[str] = []
    for facts in made.tasks:
        said.append(_of_task(made, facts, networks))
    return [*said, *_gradients(made, networks), *_limits(made)]


def _of_task(made: Outcome, facts: Facts, networks: dict[str, str]) -> str:
    accuracy = {kind: made.spread(facts.name, kind, lambda h: h.accuracy[-1]) for kind in networks}
    order = sorted(networks, key=lambda kind: -accuracy[kind][0])
    top = order[0]
    error = (made.plan.seeds**-0.5) * ERRORS
    failed = [kind for kind in order if accuracy[kind][0] < facts.best - SHORT]
    level = [
        kind
        for kind in order
        if kind not in failed
        and accuracy[top][0] - accuracy[kind][0]
        <= error * max(accuracy[kind][1], accuracy[top][1], 0.005)
    ]
    if not level:
        return (
            f"{facts.name}: learnt by none in this time; furthest is {networks[top]} "
            f"({accuracy[top][0]:.3f} of at most {facts.best:.3f})."
        )
    names = ", ".join(networks[kind] for kind in level)
    text = f"{facts.name}: best {'are' if len(level) > 1 else 'is'} {names} ({accuracy[top][0]:.3f}"
    text += f" of at most {facts.best:.3f})" if facts.best < 1 else ")"
    if made.plan.seeds < 2:
        text += "; from one seed, which says little"
    if len(level) > 1 and made.plan.seeds > 1:
        text += ", which do not differ beyond what the seeds make"
    if failed:
        text += "; not learnt in this time by " + ", ".join(
            f"{networks[kind]} ({accuracy[kind][0]:.3f})" for kind in failed
        )
    return text + "."


def _gradients(made: Outcome, networks: dict[str, str]) -> list[str]:
    """What the gradient through time was before training on recall, and what became of it."""
    facts = next(f for f in made.tasks if f.name == "recall")
    before: dict[str, float] = {}
    for kind in networks:
        shares = [h.start[0] / h.start[-1] for h in made.of("recall", kind) if h.start[-1]]
        before[kind] = sum(shares) / len(shares) if shares else float("nan")
    gone = [kind for kind in networks if before[kind] < GONE]
    kept = [kind for kind in networks if before[kind] >= GONE]
    said: list[str] = []
    if gone:
        said.append(
            f"Before training, of the gradient by the state {facts.steps} steps back less than "
            f"{GONE:g} is left for {', '.join(networks[k] for k in gone)}"
            + (f"; not so for {', '.join(networks[k] for k in kept)}." if kept else ".")
        )
    learnt = [
        kind
        for kind in gone
        if made.spread("recall", kind, lambda h: h.accuracy[-1])[0] >= facts.best - SHORT
    ]
    if learnt:
        said.append(
            f"A gradient that is small at the start is slow, not hopeless: {', '.join(networks[k] for k in learnt)} "
            f"learnt to recall over {made.plan.lag} steps all the same, and the gradient grew."
        )
    return said


def _limits(made: Outcome) -> list[str]:
    plan = made.plan
    return [
        f"All of this is for networks of at most {plan.budget} parameters, {plan.epochs} epochs of "
        f"{plan.training} sequences, {plan.seeds} seed{'s' if plan.seeds > 1 else ''}, and for each network "
        f"the best of {len(plan.rates)} learning rates, chosen on each task by a pilot of half as many epochs "
        "on training data of which a part was kept apart."
    ]


# --- pictures -------------------------------------------------------------------------------------


def _mean(runs: list[Any], key: str) -> list[float]:
    columns = zip(*(getattr(run, key) for run in runs), strict=True)
    return [sum(column) / len(column) for column in columns]


def _losses(made: Outcome, networks: dict[str, str]) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(made.tasks))
        for ax, facts in zip(axes, made.tasks, strict=True):
            for number, (kind, words) in enumerate(networks.items()):
                runs = made.of(facts.name, kind)
                style = line(number, made.plan.epochs)
                epochs = range(1, made.plan.epochs + 1)
                ax.semilogy(epochs, _mean(runs, "test"), label=words, **style)
                ax.semilogy(epochs, _mean(runs, "train"), color=style["color"], linewidth=0.7)
            ax.set_title(facts.name)
            ax.set_xlabel("epoch")
        axes[0].set_ylabel("loss: test (bold), train (thin)")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

    return Picture(
        "Losses",
        "A panel for each task, a line for each network: mean loss over the seeds after every epoch, "
        "on test data (bold) and training data (thin).",
        draw,
        (12.0, 5.2),
    )


def _accuracies(made: Outcome, networks: dict[str, str]) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(made.tasks), sharey=True)
        for ax, facts in zip(axes, made.tasks, strict=True):
            for number, (kind, words) in enumerate(networks.items()):
                style = line(number, made.plan.epochs)
                mean_accuracy = _mean(made.of(facts.name, kind), "accuracy")
                ax.plot(range(1, made.plan.epochs + 1), mean_accuracy, label=words, **style)
            ax.axhline(facts.best, color="black", linewidth=0.8)
            ax.axhline(1 / facts.classes, color="black", linewidth=0.8, linestyle=":")
            ax.set_title(facts.name)
            ax.set_xlabel("epoch")
        axes[0].set_ylabel("test accuracy")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

    return Picture(
        "Accuracies",
        "Mean accuracy on test data after every epoch; above, what can be reached, and dotted, what "
        "chance reaches.",
        draw,
        (12.0, 5.2),
    )


def _through_time(made: Outcome, networks: dict[str, str]) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, len(made.tasks), sharey="row", squeeze=False)
        for row, (key, words) in enumerate((("start", "before"), ("end", "after"))):
            for ax, facts in zip(axes[row], made.tasks, strict=True):
                for number, (kind, name) in enumerate(networks.items()):
                    found = _mean(made.of(facts.name, kind), key)
                    steps = range(1, len(found) + 1)
                    positive = [max(g, 1e-12) for g in found]
                    ax.semilogy(steps, positive, label=name, **line(number, len(found)))
                ax.set_title(f"{facts.name}, {words} training")
                ax.set_xlabel("step")
            axes[row][0].set_ylabel("‖∂L/∂h_t‖, root mean square")
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)

    return Picture(
        "The gradient through time",
        "The loss's gradient by the state after every step, mean over the seeds: above before, below "
        "after training. A line that falls to the left is a gradient that vanishes.",
        draw,
        (12.0, 8.0),
    )
