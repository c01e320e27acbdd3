import numpy as np

from churn_pipeline.campaigns.arms import held_out

IDS = [f"c{i}" for i in range(20_000)]


def test_arms_do_not_depend_on_who_else_is_there() -> None:
    arms = dict(zip(IDS, held_out("spring", IDS, 0.2), strict=True))
    some = IDS[5000:100:-7]
    assert held_out("spring", some, 0.2).tolist() == [arms[name] for name in some]


def test_the_share_is_held_out_and_a_larger_share_holds_out_the_same_and_more() -> None:
    few, many = held_out("spring", IDS, 0.1), held_out("spring", IDS, 0.3)
    assert abs(few.mean() - 0.1) < 0.01
    assert abs(many.mean() - 0.3) < 0.015
    assert many[few].all()


def test_two_campaigns_have_independent_arms() -> None:
    one, other = held_out("spring", IDS, 0.2), held_out("autumn", IDS, 0.2)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_nobody_or_everybody() -> None:
    assert not held_out("spring", IDS[:500], 0.0).any()
    assert held_out("spring", IDS[:500], 1.0).all()
    assert held_out("spring", [], 0.5).shape == (0,)
