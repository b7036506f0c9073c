"""Fixtures for all tests."""

import os

os.environ["FM_GUI_LANG"] = "en"  # the command line speaks the locale's language otherwise
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import pytest  # noqa: E402

from fm_gui.workspace import Workspace  # noqa: E402


@pytest.fixture
def workspace(tmp_path):
    """An empty workspace on a path with a space and Chinese characters."""
    return Workspace(tmp_path / "工作 区")
