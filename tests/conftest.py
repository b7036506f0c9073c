"""Fixtures for all tests."""

import os

os.environ["FM_GUI_LANG"] = "en"  # the command line speaks the locale's language otherwise
if "PYTEST_XDIST_WORKER" in os.environ:  # several tests at once: threads of one would wait for those of another
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import pytest  # noqa: E402

from fm_gui.workspace import Workspace  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes each (tests/chaos)")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        skipped = pytest.mark.skip(reason="takes minutes: --long runs it")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skipped)


@pytest.fixture
def workspace(tmp_path):
    """An empty workspace on a path with a space and Chinese characters."""
    return Workspace(tmp_path / "工作 区")
