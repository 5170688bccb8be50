"""The durations."""

from sipgate.sip import Timers


def test_the_defaults_are_the_rfcs() -> None:
    timers = Timers()
    assert (timers.t1, timers.t2, timers.t4) == (0.5, 4.0, 5.0)
    assert timers.timer_b == timers.timer_f == timers.timer_h == timers.timer_j == 32
    assert timers.timer_l == timers.timer_m == timers.timer_d == 32
    assert timers.timer_i == timers.timer_k == 5
    assert timers.timer_c == 180
    assert timers.timer_c_limit > timers.timer_c


def test_timer_d_never_falls_below_its_minimum() -> None:
    assert Timers(t1=0.01).timer_d == 32
    assert Timers(t1=1.0).timer_d == 64
