"""How the package is put together: metadata, and imports that run one way."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import Parser
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from airflow_provider_asposeocr import __version__
from airflow_provider_asposeocr.get_provider_info import get_provider_info

NAME = "airflow_provider_asposeocr"
ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / NAME
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400

MAY_IMPORT = {
    "__init__": set(),
    "get_provider_info": set(),
    "metrics": set(),
    "api": {"api"},
    "files": {"api", "files"},
    "hooks": {"metrics", "api", "files", "hooks", "__init__", "get_provider_info"},
    "durable": {"metrics", "api", "files", "durable"},
    "reuse": {"metrics", "api", "files", "durable", "reuse"},
    "batch": {"metrics", "api", "files", "hooks", "durable", "reuse", "batch"},
    "triggers": {"metrics", "api", "files", "hooks", "triggers"},
    "retry_policy": {"api", "retry_policy"},
    "deferral": {"api"},
    "task_mixin": {
        "metrics",
        "api",
        "files",
        "hooks",
        "durable",
        "triggers",
        "deferral",
        "retry_policy",
        "task_mixin",
    },
    "sensors": {
        *("api", "files", "hooks", "durable", "triggers", "retry_policy", "deferral", "task_mixin", "sensors")
    },
    "operators": {
        "metrics",
        "api",
        "files",
        "hooks",
        "durable",
        "reuse",
        "batch",
        "triggers",
        "retry_policy",
        "task_mixin",
        "operators",
    },
    "decorators": {
        "api",
        "files",
        "hooks",
        "durable",
        "reuse",
        "triggers",
        "task_mixin",
        "operators",
        "decorators",
    },
    "check": {"api", "files", "hooks", "check", "__init__"},
    "plugin": {"api", "files", "operators", "plugin"},
    "emulator": {"api", "emulator", "__init__"},
}
"""What each part of the package may import of it."""

OF_THE_API_SERVER = {"anyio", "fastapi", "jinja2", "sqlalchemy", "starlette"}
"""Libraries that each API server of Airflow has: the result page runs nowhere else."""

HTTP_CLIENTS = {"requests", "aiohttp", "httpx", "urllib3", "http"}


def room(path: Path) -> str:
    """Return the part of the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules that a module imports, anywhere in it."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports by dots"
                assert node.module
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    return frozenset(names())


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level modules of a fresh interpreter that has imported these."""
    script = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    names = json.loads(done.stdout.splitlines()[-1])
    return {name if name.startswith(NAME) else name.partition(".")[0] for name in names}


def modules_named(info: Any) -> Iterator[str]:
    """Every module that the provider's metadata names."""
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info.get(kind, ()):
            yield from entry["python-modules"]


def classes_named(info: Any) -> Iterator[str]:
    """Every class that the provider's metadata names."""
    for connection in info.get("connection-types", ()):
        yield connection["hook-class-name"]
    for decorator in info.get("task-decorators", ()):
        yield decorator["class-name"]
    yield from info.get("extra-links", ())


def test_the_metadata_imports_nothing_of_airflow() -> None:
    loaded = loaded_by(NAME, f"{NAME}.get_provider_info")
    assert f"{NAME}.get_provider_info" in loaded
    assert loaded & {"airflow", "requests", "aiohttp", "fsspec"} == set()
    assert {name for name in loaded if name.startswith(NAME)} == {NAME, f"{NAME}.get_provider_info"}


def test_the_metadata_is_json() -> None:
    assert json.loads(json.dumps(get_provider_info())) == get_provider_info()


def test_the_metadata_names_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert get_provider_info()["package-name"] == project["name"]
    assert project["entry-points"]["apache_airflow_provider"]["provider_info"] == (
        f"{NAME}.get_provider_info:get_provider_info"
    )


def test_the_version_is_that_of_the_distribution() -> None:
    assert importlib.metadata.version("airflow-provider-asposeocr") == __version__


def test_every_module_of_the_metadata_exists() -> None:
    named = list(modules_named(get_provider_info()))
    assert named
    for name in named:
        assert importlib.import_module(name)


def test_every_class_of_the_metadata_exists() -> None:
    named = list(classes_named(get_provider_info()))
    assert named
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_the_connection_type_is_that_of_the_hook() -> None:
    for connection in get_provider_info()["connection-types"]:
        module, _, attribute = connection["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), attribute)
        assert hook.conn_type == connection["connection-type"]
        assert hook.hook_name == connection["hook-name"]


def test_console_scripts_lead_somewhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project.get("scripts", {}).values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
class TestModule:
    """Each module of the package."""

    def test_imports_run_one_way(self, path: Path) -> None:
        own = {name for name in imported(path) if name == NAME or name.startswith(f"{NAME}.")}
        rooms = {[*name.split("."), "__init__"][1] for name in own}
        known = {room(module) for module in MODULES}
        # A name that is no module is one that the package itself defines, such as its version.
        rooms = {part if part in known else "__init__" for part in rooms}
        rooms.discard("__init__")
        assert rooms <= MAY_IMPORT[room(path)]

    def test_the_wire_needs_neither_airflow_nor_a_client(self, path: Path) -> None:
        if room(path) in ("api", "emulator"):
            tops = {name.partition(".")[0] for name in imported(path)}
            assert "airflow" not in tops
        if room(path) == "api":
            assert tops & HTTP_CLIENTS == set()

    def test_is_short_enough_to_read(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= MAX_LINES

    def test_says_what_it_is_for(self, path: Path) -> None:
        tree = ast.parse(path.read_text())
        assert not tree.body or ast.get_docstring(tree)


def test_workers_and_triggerers_load_nothing_of_the_emulator() -> None:
    loaded = loaded_by(*modules_named(get_provider_info()))
    assert f"{NAME}.operators.asposeocr" in loaded
    assert not [name for name in loaded if name.startswith(f"{NAME}.emulator")]
    ours = loaded - loaded_by("airflow")  # Airflow 3.0 loads starlette itself
    assert ours & {"cv2", "starlette", "uvicorn", "onnxruntime", "rapidocr", "pypdfium2", "PIL"} == set()


def test_parsing_a_dag_loads_neither_hook_nor_trigger_nor_the_machinery_of_batches() -> None:
    loaded = loaded_by(f"{NAME}.operators.asposeocr", f"{NAME}.sensors.asposeocr")
    for late in ("hooks.asposeocr", "hooks.drivers", "triggers.asposeocr", "api.flows", "batch.run"):
        assert f"{NAME}.{late}" not in loaded
    assert (
        importlib.import_module(f"{NAME}.hooks.asposeocr").AsposeOcrHook.default_conn_name
    ) == importlib.import_module(f"{NAME}.task_mixin").DEFAULT_CONN_ID


FORM = ("flask_appbuilder", "wtforms")
"""Imported where Airflow has the form that they make, which then brings them along."""


@pytest.mark.parametrize("extras", [(), ("emulator", "speech")])
def test_what_is_imported_is_declared_with_a_lower_bound_and_nothing_else_is(extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    # What lineage and conversion need is there wherever they are asked for.
    needed = [*project["dependencies"], *optional["openlineage"], *optional["images"]]
    asked = [text for extra in extras for text in optional[extra]] if extras else needed
    requirements = [Requirement(text) for text in asked]
    assert [str(one) for one in requirements if ">=" not in str(one.specifier)] == []
    modules = [path for path in MODULES if (room(path) == "emulator") == bool(extras)]
    others = {NAME, *FORM, *sys.stdlib_module_names}
    names = {
        name
        for path in modules
        for name in imported(path)
        if name.partition(".")[0] not in others | (OF_THE_API_SERVER if room(path) == "plugin" else set())
    }
    assert {distribution_of(name) for name in names} == {canonicalize_name(one.name) for one in requirements}


def distribution_of(module: str) -> str:
    """Return the distribution that a module belongs to."""
    if of_provider := re.match(r"airflow\.providers\.((?:common\.)?\w+)", module):
        return f"apache-airflow-providers-{of_provider[1].replace('.', '-')}"
    top = module.partition(".")[0]
    if top == "airflow":
        return "apache-airflow"
    if top == "opentelemetry":  # a package that many distributions share
        return "opentelemetry-api"
    (name,) = set(distributions()[top])
    return canonicalize_name(name)


@cache
def distributions() -> Mapping[str, list[str]]:
    """Return the distributions by the modules that they hold; to look takes a second, so it is done once."""
    return importlib.metadata.packages_distributions()


def test_airflow_accepts_the_description_of_the_provider() -> None:
    schema = Path(importlib.util.find_spec("airflow").origin).with_name("provider_info.schema.json")  # type: ignore[union-attr, arg-type]
    jsonschema.validate(get_provider_info(), json.loads(schema.read_text()))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def wheel_files(built: Path) -> dict[str, bytes]:
    """Return the files of the wheel."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    info = f"{NAME}-{__version__}.dist-info"
    described = {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    modules = {str(path.relative_to(ROOT)) for path in MODULES}
    page = {name for name in listed("--cached", "--others", "--exclude-standard") if shown_by_page(name)}
    assert {f"{NAME}/plugin/templates/document.html", f"{NAME}/plugin/static/words.js"} < page
    assert set(wheel_files(built)) == {*modules, f"{NAME}/py.typed", *described, *page, *pdfjs()}


def shown_by_page(name: str) -> bool:
    """Tell whether a file is a template, a script or a style sheet of the result page."""
    return name.startswith((f"{NAME}/plugin/templates/", f"{NAME}/plugin/static/"))


def pdfjs() -> set[str]:
    """Return the files of pdf.js, if ``make pdfjs`` has fetched it."""
    return {str(path.relative_to(ROOT)) for path in (PACKAGE / "plugin" / "static" / "pdfjs").glob("*")}


def listed(*which: str) -> set[str]:
    """Return the files that git knows of."""
    command = ["git", "ls-files", "-z", *which]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(filter(None, done.stdout.split("\0")))


def test_the_source_distribution_holds_all_that_is_under_version_control(built: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert listed("--cached") <= held
    assert held <= listed("--cached", "--others", "--exclude-standard") | {"PKG-INFO"} | pdfjs()


class TestMetadata:
    """What an index and an installer see."""

    @pytest.fixture
    def metadata(self, built: Path) -> Message:
        files = wheel_files(built)
        return Parser().parsestr(files[f"{NAME}-{__version__}.dist-info/METADATA"].decode())

    def test_nothing_is_told_twice(self, metadata: Message) -> None:
        repeatable = ("Classifier", "Requires-Dist", "Provides-Extra", "Project-URL")
        names = Counter(name for name in metadata.keys() if name not in repeatable)  # noqa: SIM118
        assert [name for name, times in names.items() if times > 1] == []
        for name in repeatable:
            values = metadata.get_all(name, [])
            assert values
            assert len(set(values)) == len(values)
        # The licence is an expression; a classifier beside it is refused by newer tools.
        assert metadata["License-Expression"] == "Apache-2.0"
        assert not [text for text in metadata.get_all("Classifier", []) if text.startswith("License ::")]

    def test_pythons_are_those_that_are_allowed(self, metadata: Message) -> None:
        classifiers = metadata.get_all("Classifier", [])
        named = [text.rpartition(" ")[2] for text in classifiers if "Python :: 3." in text]
        assert metadata["Requires-Python"] == f">={named[0]}"

    def test_the_readme_is_its_description(self, metadata: Message) -> None:
        assert metadata["Description-Content-Type"] == "text/markdown"
        assert metadata.get_payload() == (ROOT / "README.md").read_text()
