from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from churn_pipeline.statistics.losses import log_losses, log_losses_of_odds

LOG_ODDS = np.linspace(-6, 6, 25)
CHURNED = (np.arange(25) % 3 == 0).astype(np.int8)


def test_their_mean_is_the_log_loss_of_scikit_learn() -> None:
    expected = log_loss(CHURNED, expit(LOG_ODDS))
    assert log_losses(CHURNED, expit(LOG_ODDS)).mean() == pytest.approx(expected)
    assert log_losses_of_odds(CHURNED, LOG_ODDS).mean() == pytest.approx(expected)


def test_log_odds_beyond_any_probability_have_a_loss() -> None:
    losses = log_losses_of_odds([0, 1, 1], [800.0, -800.0, 800.0])
    assert losses.tolist() == [800.0, 800.0, 0.0]
