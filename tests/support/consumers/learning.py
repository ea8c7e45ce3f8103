"""joblib, and scikit-learn over it, by the backend that fcx brings."""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager
from math import sqrt

import joblib
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import fcx.joblib
from fcx import FirecrestExecutor


def backend(executor: Executor) -> AbstractContextManager[object]:
    """The one line of the user's; threads where they are what ours is compared with."""
    if isinstance(executor, FirecrestExecutor):
        return fcx.joblib.backend(executor)
    return joblib.parallel_config("threading", n_jobs=2)


def joblib_parallel(executor: Executor) -> list[float]:
    with backend(executor):
        return joblib.Parallel()(joblib.delayed(sqrt)(x) for x in range(100))


def grid_search(executor: Executor) -> tuple[dict[str, float], list[float]]:
    x, y = make_classification(120, random_state=1)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0, 10.0]}, cv=3)
    with backend(executor):
        search.fit(x, y)
    return search.best_params_, search.cv_results_["mean_test_score"].tolist()


def forest(executor: Executor) -> list[int]:
    x, y = make_classification(120, random_state=1)
    with backend(executor):
        trees = RandomForestClassifier(8, random_state=1).fit(x, y)
    return trees.predict(x).tolist()
