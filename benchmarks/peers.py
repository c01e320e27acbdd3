"""Fit one peer on one split of a customer table; run by peer_runs.py in an environment of its own
(see requirements-peers.txt).

The peers see the table as a person would hand it over, categories as such. Prints one JSON line:
the metrics on the test set and the CPU seconds of this process and its children, after the imports.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

_FOLDS = 5


def autogluon(
    train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: int, trials: int
) -> np.ndarray:
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(
            "churned", problem_type="binary", eval_metric="log_loss", path=folder, verbosity=0
        ).fit(train.assign(churned=y), presets="best_quality", time_limit=seconds)
        return predictor.predict_proba(test)[1].to_numpy()


def lightgbm(
    train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: int, trials: int
) -> np.ndarray:
    from lightgbm import LGBMClassifier, early_stopping

    def build(trial: Any, rounds: int) -> Any:
        return LGBMClassifier(
            n_estimators=rounds,
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            num_leaves=trial.suggest_int("num_leaves", 2, 64, log=True),
            min_child_samples=trial.suggest_int("min_child_samples", 5, 200, log=True),
            reg_lambda=trial.suggest_float("reg_lambda", 1e-3, 30, log=True),
            subsample=trial.suggest_float("subsample", 0.5, 1.0),
            subsample_freq=1,
            colsample_bytree=trial.suggest_float("colsample_bytree", 0.3, 1.0),
            n_jobs=1,
            random_state=0,
            verbosity=-1,
        )

    def fit(model: Any, x: Any, y: Any, held_x: Any, held_y: Any) -> int:
        stop = early_stopping(50, verbose=False)
        model.fit(x, y, eval_X=(held_x,), eval_y=(held_y,), callbacks=[stop])
        return int(model.best_iteration_)

    return _tuned(build, fit, train, y, test, trials)


def xgboost(
    train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: int, trials: int
) -> np.ndarray:
    from xgboost import XGBClassifier

    def build(trial: Any, rounds: int) -> Any:
        return XGBClassifier(
            n_estimators=rounds,
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            max_depth=trial.suggest_int("max_depth", 1, 8),
            min_child_weight=trial.suggest_float("min_child_weight", 0.5, 100, log=True),
            reg_lambda=trial.suggest_float("reg_lambda", 1e-2, 30, log=True),
            subsample=trial.suggest_float("subsample", 0.5, 1.0),
            colsample_bytree=trial.suggest_float("colsample_bytree", 0.3, 1.0),
            early_stopping_rounds=50 if rounds == _MOST_ROUNDS else None,
            tree_method="hist",
            enable_categorical=True,
            n_jobs=1,
            random_state=0,
        )

    def fit(model: Any, x: Any, y: Any, held_x: Any, held_y: Any) -> int:
        model.fit(x, y, eval_set=[(held_x, held_y)], verbose=False)
        return int(model.best_iteration) + 1

    return _tuned(build, fit, train, y, test, trials)


def catboost(
    train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: int, trials: int
) -> np.ndarray:
    """Fit with its own settings, and the mean of the trees at which five folds stopped."""
    from catboost import CatBoostClassifier

    text = [name for name in train if not pd.api.types.is_numeric_dtype(train[name])]
    train, test = (
        side.astype(dict.fromkeys(text, "object")).fillna(dict.fromkeys(text, "missing"))
        for side in (train, test)
    )

    def build(rounds: int) -> Any:
        return CatBoostClassifier(
            iterations=rounds,
            cat_features=text,
            thread_count=1,
            random_seed=0,
            verbose=False,
            allow_writing_files=False,
        )

    rounds = []
    for fitted, held in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(train, y):
        model = build(_MOST_ROUNDS)
        evaluated = (train.iloc[held], y.iloc[held])
        model.fit(train.iloc[fitted], y.iloc[fitted], eval_set=evaluated, early_stopping_rounds=50)
        rounds.append(model.get_best_iteration() + 1)
    model = build(max(1, round(float(np.mean(rounds)))))
    return model.fit(train, y).predict_proba(test)[:, 1]


def logistic(
    train: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: int, trials: int
) -> np.ndarray:
    """Fit an L2 penalty chosen by five folds on standardised and one-hot columns."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    model = LogisticRegressionCV(
        Cs=10,
        l1_ratios=(0,),
        use_legacy_attributes=False,
        cv=_FOLDS,
        scoring="neg_log_loss",
        max_iter=1000,
        random_state=0,
    )
    return make_pipeline(columns, model).fit(train, y).predict_proba(test)[:, 1]


_MOST_ROUNDS = 1000


def _tuned(
    build: Callable[..., Any],
    fit: Callable[..., int],
    train: pd.DataFrame,
    y: pd.Series,
    test: pd.DataFrame,
    trials: int,
) -> np.ndarray:
    """Tune by the cross-validated log loss, then fit all with the mean of the stopped rounds."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folds = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(train, y))

    def objective(trial: Any) -> float:
        losses, rounds = [], []
        for fitted, held in folds:
            model = build(trial, _MOST_ROUNDS)
            x, held_x = train.iloc[fitted], train.iloc[held]
            rounds.append(fit(model, x, y.iloc[fitted], held_x, y.iloc[held]))
            losses.append(log_loss(y.iloc[held], model.predict_proba(held_x)[:, 1]))
        trial.set_user_attr("rounds", max(1, round(float(np.mean(rounds)))))
        return float(np.mean(losses))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=trials)
    model = build(study.best_trial, study.best_trial.user_attrs["rounds"])
    return model.fit(train, y).predict_proba(test)[:, 1]


PEERS = {
    "autogluon": autogluon,
    "catboost": catboost,
    "lightgbm": lightgbm,
    "logistic": logistic,
    "xgboost": xgboost,
}


def _cpu_seconds() -> float:
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("train", type=Path, help="Parquet file: features and `churned` (0 or 1)")
    parser.add_argument("test", type=Path, help="Parquet file with the same columns")
    parser.add_argument("--seconds", type=int, default=180, help="AutoGluon's time limit")
    parser.add_argument("--trials", type=int, default=50, help="trials of a tuned booster")
    parser.add_argument("--probability", type=Path, help=".npy file to keep the test set's in")
    arguments = parser.parse_args()

    train, test = (_read(path) for path in (arguments.train, arguments.test))
    y, actual = train.pop("churned"), test.pop("churned")
    started = _cpu_seconds()
    probability = PEERS[arguments.peer](train, y, test, arguments.seconds, arguments.trials)
    if arguments.probability:
        np.save(arguments.probability, probability)
    result = {
        "roc_auc": roc_auc_score(actual, probability),
        "log_loss": log_loss(actual, probability),
        "cpu_seconds": _cpu_seconds() - started,
    }
    print(json.dumps(result))


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    return table.astype(dict.fromkeys(text, "category"))


if __name__ == "__main__":
    main()
