"""Nothing imports leftwards: the arrows of docs/architecture.md, read from the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPURE = ("os", "time", "random", "secrets", "socket", "subprocess", "boto3", "botocore", "uuid.uuid1", "uuid.uuid4")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no modules under {folder}: the test would prove nothing"
    return found


def starts(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", modules("lambdas/domain"), ids=lambda path: path.stem)
def test_the_domain_is_pure(path: Path) -> None:
    for name in imports(path):
        assert not starts(name, *IMPURE), f"{path.name} imports {name}"
        assert name != "uuid", f"{path.name}: import from uuid what is a function of its arguments"
        assert not starts(name, "lambdas.handlers", "lambdas.aws", "lambdas.settings", "lambdas.observability", "lab")


@pytest.mark.parametrize("path", modules("lambdas"), ids=lambda path: path.stem)
def test_lambdas_know_neither_the_stack_nor_the_lab(path: Path) -> None:
    for name in imports(path):
        assert not starts(name, "cdk_app", "aws_cdk", "lab", "tests"), f"{path.name} imports {name}"


def test_only_lambdas_aws_speaks_boto3() -> None:
    speakers = {
        path.relative_to(ROOT).parent.as_posix()
        for path in modules("lambdas")
        for name in imports(path)
        if starts(name, "boto3", "botocore")
    }
    assert speakers == {"lambdas/aws"}


@pytest.mark.parametrize("path", modules("lambdas/aws"), ids=lambda path: path.stem)
def test_adapters_do_not_call_handlers(path: Path) -> None:
    assert not [name for name in imports(path) if starts(name, "lambdas.handlers")]


@pytest.mark.parametrize("path", modules("cdk_app"), ids=lambda path: path.stem)
def test_the_stack_reads_only_the_domain_and_the_settings(path: Path) -> None:
    for name in imports(path):
        if starts(name, "lambdas"):
            assert starts(name, "lambdas.domain", "lambdas.settings"), f"{path.name} imports {name}"
        assert not starts(name, "lab"), f"{path.name} imports {name}"
