"""The multinomial logistic regression of the classifier's heads, by scikit-learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

INVERSE_REGULARISATION = 8.0
FACTOR_ROWS = 4_000
"""Up to this many messages a square factor of their products takes the place of their many columns."""

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of all messages."""

    table: csr_matrix
    """(messages, columns)."""
    width: int
    """How many of the columns, the first, are the embedding's."""
    products: Doubles | None
    """(messages, messages), where they are few enough."""


def see(table: csr_matrix, width: int) -> Seen:
    rows, columns = table.shape
    worth_it = rows < columns and rows <= FACTOR_ROWS
    return Seen(table, width, (table @ table.T).toarray() if worth_it else None)


def fit_model(seen: Seen, rows: Rows, labels: NDArray[np.str_]) -> LogisticRegression:
    """Fitted on these rows, `labels` theirs; its numbers are rounded to float32, which is what is stored.

    With few messages the same optimum is found from the triangular factor L of their products X Xᵀ = L Lᵀ, which has
    as many columns as there are messages and is dense: eight times as fast on the shipped ones. The weights are
    w = Xᵀ L⁻ᵀ u, and as long as u.
    """
    table = seen.table[rows]
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1_000, class_weight="balanced")
    if seen.products is None:
        coefficients = model.fit(table.astype(np.float32), labels).coef_  # half the memory to go through
    else:
        factor = np.linalg.cholesky(seen.products[np.ix_(rows, rows)] + 1e-8 * np.eye(len(rows)))
        model.fit(factor, labels)
        coefficients = (table.T @ solve_triangular(factor, model.coef_.T, lower=True, trans="T")).T
    model.coef_ = coefficients.astype(np.float32).astype(np.float64)
    model.intercept_ = model.intercept_.astype(np.float32).astype(np.float64)
    model.n_features_in_ = table.shape[1]
    return model
