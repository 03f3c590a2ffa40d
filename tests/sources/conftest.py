"""Assertions in the shared helper explain themselves, as in a test."""

import pytest

pytest.register_assert_rewrite("tests.sources.lakes")
