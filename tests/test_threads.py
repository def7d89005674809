"""Threads of a kernel that trains."""

from __future__ import annotations

import sys

import pytest

from tinytorch_milestones.threads import others_served


def test_others_are_served_sooner_and_only_meanwhile() -> None:
    before = sys.getswitchinterval()
    with others_served():
        assert sys.getswitchinterval() < before / 10
    assert sys.getswitchinterval() == before


def test_an_error_ends_it_too() -> None:
    before = sys.getswitchinterval()

    @others_served()
    def fails() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert sys.getswitchinterval() == before


def test_a_shorter_interval_is_kept() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with others_served():
            assert sys.getswitchinterval() == pytest.approx(1e-6)
    finally:
        sys.setswitchinterval(before)
