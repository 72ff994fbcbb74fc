"""The experiments on sequences: their tasks, their networks, and training that can be interrupted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backprove import BackproveError
from backprove.training.sequences import tasks
from backprove.training.sequences.tasks import (
    END,
    SLOTS,
    STEPS,
    SYMBOLS,
    WORDS,
    best_guess,
    sentence,
    task,
)

# --- tasks ------------------------------------------------------------------------------------------


def spoken(seed: int) -> list[str]:
    return [WORDS[word] for word in sentence(np.random.default_rng(seed))]


def test_sentences_repeat_their_words_in_the_order_of_the_slots() -> None:
    for seed in range(200):
        words = spoken(seed)
        assert len(words) == STEPS + 1
        said: list[tuple[str, int]] = []
        for word in words:
            if said and said[-1][0] == word:
                said[-1] = word, said[-1][1] + 1
            else:
                said.append((word, 1))
        for number, (word, times) in enumerate(said):
            if number == len(SLOTS):
                assert word == END
                continue
            assert word in SLOTS[number]
            assert 1 <= times <= 3
        if len(said) >= len(SLOTS):
            # the ball, a cup, one pen
            assert SLOTS[0].index(said[0][0]) == SLOTS[-1].index(
                said[-2 if said[-1][0] == END else -1][0]
            )


def test_the_best_guess_is_that_of_someone_who_knows_the_grammar() -> None:
    """Played out on many sentences: again after a first saying, on after a third, a noun for sure."""
    right = total = 0
    for seed in range(4000):
        words = spoken(seed)
        for t in range(STEPS):
            word = words[t]
            count = 1
            while count <= t and words[t - count] == word:
                count += 1
            slot = next((k for k, s in enumerate(SLOTS) if word in s), len(SLOTS))
            if slot == len(SLOTS):
                guess = END
            elif count < 3:
                # again with 2/3 or, alike, 1/2
                guess = word
            elif slot == len(SLOTS) - 1:
                guess = END
            elif slot == len(SLOTS) - 2:
                guess = SLOTS[-1][SLOTS[0].index(words[0])]
            else:
                guess = SLOTS[slot + 1][0]
            right += guess == words[t + 1]
            total += 1
    assert right / total == pytest.approx(best_guess(), abs=0.01)


def test_recall_asks_for_the_first_symbol_after_the_lag() -> None:
    made = task("recall", 50, 20, lag=7)
    assert made.train.inputs.shape == (50, 9, SYMBOLS + tasks.NOISE + 1)
    said = made.train.inputs.argmax(-1)
    assert (said[:, 0] == made.train.targets).all()
    assert (said[:, 1:-1] >= SYMBOLS).all()
    assert (said[:, -1] == SYMBOLS + tasks.NOISE).all()
    assert not made.every_step


def test_digits_are_read_row_by_row_and_no_test_digit_is_trained_on() -> None:
    pytest.importorskip("sklearn")
    made = task("digits", 5000, 5000, lag=1)
    assert len(made.train) + len(made.test) == 1797
    assert made.train.inputs.shape[1:] == (8, 8)
    seen = {x.tobytes() for x in made.train.inputs}
    assert sum(x.tobytes() in seen for x in made.test.inputs) == 0


@pytest.mark.parametrize("name", ["words", "recall"])
def test_a_seed_fixes_a_task(name: str) -> None:
    first, same, other = (task(name, 20, 5, 3, seed) for seed in (0, 0, 1))
    assert (first.train.inputs == same.train.inputs).all()
    assert (first.train.inputs != other.train.inputs).any()


def test_pilots_see_nothing_of_the_test() -> None:
    made = task("recall", 60, 20, lag=7)
    pilot = made.pilot()
    assert (len(pilot.train), len(pilot.test)) == (50, 10)
    both = np.concatenate([pilot.train.inputs, pilot.test.inputs])
    assert (both == made.train.inputs).all()


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(BackproveError, match="words, recall, digits, not adding"):
        task("adding", 1, 1, 1)
    with pytest.raises(BackproveError, match="lag must be at least 1"):
        task("recall", 1, 1, 0)


# --- networks -----------------------------------------------------------------------------------------

torch = pytest.importorskip("torch")

# what needs PyTorch is imported below it
from backprove.training.sequences import study as studying  # noqa: E402
from backprove.training.sequences.learning import History, Setting, gradients, train  # noqa: E402
from backprove.training.sequences.networks import NETWORKS, Network, count, network  # noqa: E402
from backprove.training.sequences.study import Plan, study  # noqa: E402


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_are_as_wide_as_the_budget_lets_them(kind: str) -> None:
    model, width = network(kind, 3000, 15, 15, 10, True)
    assert count(model) <= 3000 < count(Network(kind, 15, width + 1, 15, 10, True))
    assert model(torch.zeros(4, 10, 15)).shape == (4, 10, 15)
    last, _ = network(kind, 3000, 15, 6, 10, False)
    assert last(torch.zeros(4, 10, 15)).shape == (4, 6)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_state_depends_on_no_later_input(kind: str) -> None:
    torch.manual_seed(0)
    model, _ = network(kind, 1500, 3, 4, 9, True)
    x = torch.randn(2, 9, 3)
    y = x.clone()
    y[:, 6:] += 1
    assert torch.allclose(model(x)[:, :6], model(y)[:, :6])
    assert not torch.allclose(model(x)[:, 6:], model(y)[:, 6:])


def test_attention_over_the_last_k_sees_no_further_in_one_step() -> None:
    torch.manual_seed(0)
    model, _ = network("attention-k", 1500, 3, 4, 9, True)
    with torch.no_grad():
        model.body.value.weight.zero_()
        model.body.key.weight.zero_()
    x = torch.randn(2, 9, 3)
    y = x.clone()
    y[:, 0] += 1
    # states carry nothing on, so an input matters at its own step alone
    assert torch.allclose(model(x)[:, 1:], model(y)[:, 1:])


@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_by_states_are_what_a_small_push_does(kind: str) -> None:
    torch.manual_seed(0)
    model, width = network(kind, 600, 3, 4, 5, False)
    model = model.double()
    x, y = torch.randn(1, 5, 3).double(), torch.tensor([2])
    found = gradients(model, x, y)
    assert len(found) == 5
    # the last state goes straight to the output
    state = model.body(x)[:, -1].detach().requires_grad_()
    torch.nn.functional.cross_entropy(model.out(state), y).backward()
    size = state.grad.square().sum().item()
    entries = 2 * width if kind == "lstm" else width
    assert found[-1] == pytest.approx(math.sqrt(size / entries))
    assert all(g > 0 for g in found)


# --- training ---------------------------------------------------------------------------------------

SMALL = Plan(seeds=1, epochs=2, training=64, test=32, lag=4, budget=600)


def test_training_learns_the_words_better_than_chance(tmp_path: Path) -> None:
    made = task("words", 300, 100, 1)
    history = train(Setting("words", "gru", 0, 6, 2000, 0.01), made, tmp_path)
    assert history.train[-1] < history.train[0] < math.log(len(WORDS)) + 0.5
    assert history.accuracy[-1] > 2 * made.chance
    assert len(history.start) == len(history.end) == STEPS


class Stop(Exception):
    """An interruption."""


@pytest.mark.parametrize("kind", ["relu", "attention-all"])
def test_an_interrupted_training_goes_on_as_if_it_were_not(kind: str, tmp_path: Path) -> None:
    setting, made = Setting("recall", kind, 0, 4, 600, 0.01), task("recall", 64, 32, 4)
    folder, other = tmp_path / "parts", tmp_path / "whole"
    folder.mkdir()
    other.mkdir()
    whole = train(setting, made, other)
    done = 0

    def stop() -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        train(setting, made, folder, told=stop)
    told: list[None] = []
    again = train(setting, made, folder, resume=True, told=lambda: told.append(None))
    assert again.train == whole.train
    assert again.test == whole.test
    assert again.end == whole.end
    assert len(told) == 4
    (folder / "recall_tanh_0.pt").write_bytes((folder / f"{setting.name}.pt").read_bytes())
    with pytest.raises(BackproveError, match="saved by another setting"):
        train(replace(setting, network="tanh"), made, folder, resume=True)


def test_a_study_of_all_networks_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    plan = replace(SMALL, training=32, test=16, rates=SMALL.rates[1:])
    told: list[tuple[int, int]] = []
    made = study(plan, tmp_path, jobs=1, told=lambda done, of: told.append((done, of)))
    # pilots of half the epochs with each rate, then what they have chosen
    total = 3 * len(NETWORKS) * (len(plan.rates) * 1 + 2)
    assert [done for done, _ in told] == list(range(1, total + 1))
    assert {of for _, of in told} == {total}
    assert {s.rate for s in made.pilots} == set(plan.rates)
    for setting in made.runs:
        same = {
            s.rate: h.test[-1]
            for s, h in made.pilots.items()
            if (s.task, s.network) == (setting.task, setting.network)
        }
        assert setting.rate == min(same, key=lambda rate: same[rate])
    assert len(made.runs) == 3 * len(NETWORKS)
    assert {facts.name for facts in made.tasks} == {"words", "recall", "digits"}
    kept = json.loads((tmp_path / "study.json").read_text())
    assert len(kept["runs"]) == len(made.runs) + len(made.pilots)
    # what is there is not trained again
    again = study(plan, tmp_path, jobs=2, resume=True)
    assert [h.train for h in again.runs.values()] == [h.train for h in made.runs.values()]
    with pytest.raises(BackproveError, match="another plan"):
        study(replace(plan, lag=5), tmp_path, resume=True)
    with pytest.raises(BackproveError, match="no study to go on with"):
        study(plan, tmp_path / "empty", resume=True)


def test_the_rate_with_the_least_loss_is_chosen_and_one_that_diverges_is_not() -> None:
    ends = dict(zip(SMALL.rates, (2.0, 1.5, math.nan), strict=True))
    pilots = {s: History(test=[1.0, ends[s.rate]]) for s in SMALL.pilots()}
    assert set(studying.chosen(pilots).values()) == {SMALL.rates[1]}


def test_a_new_study_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    studying._check_plan(SMALL, tmp_path, False)
    (tmp_path / "words_gru_0.pt").write_text("old")
    (tmp_path / "my.pt").write_text("mine")
    studying._check_plan(SMALL, tmp_path, False)
    assert {p.name for p in tmp_path.iterdir()} == {"plan.json", "my.pt"}


def test_the_full_plan_asks_for_more() -> None:
    assert studying.FULL.seeds > Plan().seeds
    assert studying.FULL.lag > Plan().lag
    assert Plan().seeds == 3
