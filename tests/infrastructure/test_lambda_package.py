"""The zip that every function runs from."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cdk_app import lambda_package
from lambdas.domain.errors import InvalidConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive() -> Path:
    return lambda_package.build()


@pytest.fixture(scope="module")
def content(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def test_it_is_small_enough_for_a_quick_start(archive: Path) -> None:
    assert archive.stat().st_size < lambda_package.LIMIT_BYTES


def test_it_has_every_handler_and_nothing_of_the_stack(content: set[str]) -> None:
    handlers = {f"lambdas/handlers/{path.name}" for path in (ROOT / "lambdas/handlers").glob("*.py")}
    assert handlers
    assert handlers <= content
    assert not [name for name in content if name.startswith(("cdk_app/", "lab/", "tests/", "aws_cdk/"))]


def test_it_is_built_for_the_runtime(content: set[str]) -> None:
    libraries = [name for name in content if name.endswith(".so")]
    assert libraries
    foreign = [name for name in libraries if "x86_64" in name or re.search(r"cpython-(?!314)", name)]
    assert not foreign


def test_it_has_the_models_of_the_services_that_are_called_and_no_others(content: set[str]) -> None:
    models = {name.split("/")[2] for name in content if re.match(r"botocore/data/[^/]+/.+", name)}
    assert models == set(lambda_package.services())
    assert {"dynamodb", "kms", "s3", "ssm", "stepfunctions", "autoscaling", "ec2"} <= models


def test_the_same_content_is_the_same_bytes(archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = archive.read_bytes()
    monkeypatch.setattr(lambda_package, "_vendored", lambda: vendored)
    vendored = tmp_path / next(archive.parent.glob("requirements-*.zip")).name
    vendored.write_bytes(b"")
    with zipfile.ZipFile(vendored, "w"):
        pass
    lambda_package.build.cache_clear()
    first = lambda_package.build().read_bytes()
    lambda_package.build().unlink()
    lambda_package.build.cache_clear()
    assert lambda_package.build().read_bytes() == first
    lambda_package.build.cache_clear()
    assert archive.read_bytes() == before


def test_without_an_index_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUORATE_CACHE", str(tmp_path))
    monkeypatch.setattr(lambda_package, "_pip", lambda: [sys.executable, "-c", "raise SystemExit('no index')"])
    with pytest.raises(InvalidConfig, match=r"cannot be fetched \(the first synth needs a package index.*no index"):
        lambda_package._vendored()
    assert not list(tmp_path.rglob("*.zip"))


def test_bytecode_is_found_where_lambda_cannot_write_it(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("answer = 42\n")
    lambda_package.compile_bytecode(sys.executable, tmp_path)
    (compiled,) = tmp_path.rglob("*.pyc")
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 1, "PEP 552: by hash and unchecked, since the zip's times are not the files'"


def test_user_data_passes_shellcheck() -> None:
    scripts = [str(path) for path in (ROOT / "cdk_app/user_data").glob("*.sh")]
    assert scripts
    shellcheck = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
