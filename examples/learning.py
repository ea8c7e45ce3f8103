"""Choose a model with scikit-learn: joblib hands the fits of a grid search to the cluster.

scikit-learn and joblib come with `pip install 'firecrest-fcx[examples]'`. The image needs them too,
in the same release (a line in containers/requirements.txt). Settings as in simple.py.
"""

import os

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC

import fcx.joblib
from fcx import FirecrestExecutor

GRID = {"C": [0.1, 1, 10], "gamma": [0.0001, 0.001, 0.01]}

if __name__ == "__main__":
    digits, labels = load_digits(return_X_y=True)
    known, unseen, known_labels, unseen_labels = train_test_split(digits, labels, random_state=1)
    search = GridSearchCV(SVC(), GRID, cv=5)
    with (
        FirecrestExecutor(
            working_dir=os.environ.get("FCX_WORKING_DIR", os.getcwd()),
            sbatch_options=os.environ.get(
                "FCX_SBATCH_OPTIONS", "--time=00:10:00 --nodes=1"
            ).split(),
            environment=os.environ.get("FCX_ENVIRONMENT") or None,
            max_workers=2,
            workers_per_node=2,  # a fit takes one CPU
            sleep_interval=5,
        ) as executor,
        fcx.joblib.backend(executor),  # the one line that sends what joblib would run here
    ):
        search.fit(known, known_labels)
    score = search.score(unseen, unseen_labels)
    print(f"Of {len(search.cv_results_['params'])} models the best has {search.best_params_}")
    print(f"It reads {score:.1%} of the digits that it has not seen")
