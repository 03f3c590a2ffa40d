"""The search itself: an Optuna study in one SQLite file, so that it outlives the process."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL

from fer_spark.pipelines.tune.space import Choices, Space, Span
from fer_spark.pipelines.tune.trial import COMPLETE, FAILED, RUNNING, Outcome, Trial
from fer_spark.settings import differences

NAME = "study.db"
_STUDY, _IDENTITY, _OUTCOME = "fer-spark tune", "identity", "outcome"
_DIGITS = 6
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """Ask for parameters, tell what came of them; every step is on disk before the next.

    The parameters of trial n are a function of the seed, n and the trials before it, so that a search that was broken
    off goes on as if nothing had happened.
    """

    def __init__(self, directory: Path, space: Space, maximise: bool, seed: int) -> None:
        if "?" in str(directory):
            raise ValueError(f"--output {directory}: SQLite cannot open a path with a question mark")
        self._space, self._seed = space, seed
        self._direction = StudyDirection.MAXIMIZE if maximise else StudyDirection.MINIMIZE
        self._distributions = {name: _distribution(dimension) for name, dimension in space.items()}
        place = URL.create("sqlite", database=str(directory.absolute() / NAME))  # with % as SQLAlchemy will read it
        self._storage = optuna.storages.RDBStorage(place.render_as_string())
        self._study = optuna.create_study(
            storage=self._storage, study_name=_STUDY, direction=self._direction, load_if_exists=True
        )

    def belongs_to(self, identity: dict[str, Any]) -> None:
        """Note what the study is about, or raise ValueError saying what differs from what was noted."""
        ours = json.loads(json.dumps(identity))
        theirs = self._study.user_attrs.get(_IDENTITY)
        if theirs is None:
            self._study.set_user_attr(_IDENTITY, ours)
        elif theirs != ours:
            differing = "; ".join(differences(theirs, ours))
            raise ValueError(
                f"{NAME} in --output belongs to another search ({differing}); resume with its settings, choose another "
                "--output, or --overwrite to start from scratch"
            )

    def trials(self) -> list[Trial]:
        """All trials in order of number, also those that are running or were broken off."""
        return [self._trial(trial) for trial in self._study.get_trials(deepcopy=False)]

    def ask(self) -> Trial:
        """A new trial, written down whole: drawn beside the study, as Optuna would store it parameter by parameter."""
        known = self._study.get_trials(deepcopy=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=_seed(self._seed, len(known)), constant_liar=True)
        beside = optuna.create_study(direction=self._direction, sampler=sampler)
        beside.add_trials(known)
        drawn = beside.ask(self._distributions).params
        tidy = {name: _tidy(value, self._space[name]) for name, value in drawn.items()}
        self._study.add_trial(
            optuna.trial.create_trial(state=TrialState.RUNNING, params=tidy, distributions=self._distributions)
        )
        return self._trial(self._study.get_trials(deepcopy=False)[len(known)])

    def tell(self, number: int, outcome: Outcome) -> None:
        """End a trial; whatever a kill leaves of this is done again."""
        storage, study = self._storage, self._study
        at = storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(_STUDY), number)
        storage.set_trial_user_attr(at, _OUTCOME, dataclasses.asdict(outcome))
        if outcome.state == COMPLETE:
            study.tell(number, outcome.value)
        else:
            study.tell(number, state=TrialState.FAIL)

    def importances(self) -> tuple[dict[str, float], str]:
        """Share of each parameter in the variance of the value (fANOVA, Hutter et al. 2014), largest first, adding up
        to 1; empty where that is unknown, with the reason."""
        done = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
        if len(done) < 2:
            return {}, f"{len(done)} finished trial(s): it takes two or more to compare"
        if len({trial.value for trial in done}) == 1:
            return {}, "all finished trials have the same value"
        varied = [name for name in self._space if len({str(trial.params[name]) for trial in done}) > 1]
        if not varied:
            return {}, "no setting was varied"
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._seed)
        found = optuna.importance.get_param_importances(self._study, evaluator=evaluator, params=varied)
        return {name: float(value) for name, value in found.items()}, ""

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _trial(self, frozen: FrozenTrial) -> Trial:
        states = {TrialState.COMPLETE: COMPLETE, TrialState.FAIL: FAILED}
        outcome = Outcome(RUNNING)
        if frozen.state in states:
            outcome = Outcome(**frozen.user_attrs.get(_OUTCOME, {"state": states[frozen.state], "value": frozen.value}))
        parameters = {
            name: _decoded(frozen.params[name], self._space[name]) for name in self._space if name in frozen.params
        }
        return Trial(frozen.number, parameters, outcome)


def _distribution(dimension: Choices | Span) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution([json.dumps(v) if isinstance(v, tuple) else v for v in dimension.values])
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return IntDistribution(dimension.low, dimension.high, dimension.log, int(dimension.step or 1))
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def _tidy(value: Any, dimension: Choices | Span) -> Any:
    """A drawn number with six digits, which is what a person would copy."""
    if isinstance(dimension, Span) and isinstance(value, float):
        return min(max(float(f"{value:.{_DIGITS}g}"), dimension.low), dimension.high)
    return value


def _decoded(value: Any, dimension: Choices | Span) -> Any:
    return (
        tuple(json.loads(value)) if isinstance(dimension, Choices) and isinstance(dimension.values[0], tuple) else value
    )


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
