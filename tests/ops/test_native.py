from importlib import metadata

import pytest
import tensorflow as tf
from tandem_ops import errors, native


def test_the_library_beside_the_source_comes_first(tmp_path):
    (tmp_path / native.LIBRARY).touch()
    assert native.locate(tmp_path) == tmp_path


def test_source_without_a_library_takes_the_installed_one(tmp_path):
    folder = native.locate(tmp_path)
    assert folder != tmp_path
    assert (folder / native.LIBRARY).exists()
    assert (folder / native.BUILT_FOR).read_text().strip() == tf.__version__


def test_no_library_anywhere_says_how_to_get_one(tmp_path, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(errors.LibraryUnusable, match=r"has no libtandem_ops\.so.*pip install --no-build-isolation"):
        native.locate(tmp_path)


def test_an_installation_without_its_library_says_so(tmp_path, monkeypatch):
    class Hollow:
        version = "0.1.0"

        @staticmethod
        def locate_file(path):
            return tmp_path / "nowhere" / path

    monkeypatch.setattr(metadata, "distribution", lambda _: Hollow)
    with pytest.raises(errors.LibraryUnusable, match=r"the installed tandem-ops 0\.1\.0 has no"):
        native.locate(tmp_path)


@pytest.mark.parametrize("running", ["2.20.0", "2.21.1", "2.22.0"])
def test_another_tensorflow_is_refused(running):
    with pytest.raises(errors.LibraryUnusable, match=rf"built for TensorFlow 2\.21\.0, this process runs {running}"):
        native.check_version("2.21.0", running)


def test_the_errors_are_what_callers_catch():
    assert issubclass(errors.LibraryUnusable, ImportError)
    assert issubclass(errors.BadConfiguration, ValueError)
