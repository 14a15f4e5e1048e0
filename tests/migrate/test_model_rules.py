"""Each model rule's page is true: its bad models give that finding and its good ones none."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.finding import Finding, rule_name
from dbtool.metadata import load
from dbtool.migrate.model_rules import RULES, judge

_BLOCK = re.compile(r"^(Bad|Good):\n```python\n(.*?)```", re.S | re.M)
_CONVENTION = "naming-convention-missing"
PAGES = [
    pytest.param(rule_name(rule.__name__), kind, text, id=f"{rule_name(rule.__name__)}-{kind}")
    for rule in RULES
    for kind, text in _BLOCK.findall(rule.__doc__ or "")
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for one module of models, forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    base = getattr(sys.modules.pop("page_models", None), "Base", None)
    if base is not None and hasattr(base, "registry"):
        base.registry.dispose()  # classes that cannot be put together would fail other tests
    importlib.invalidate_caches()


def judged(package: Path, text: str, spec: str = "page_models:Base") -> tuple[Finding, ...]:
    """What all rules say of one module; a page that is not about names leaves them out."""
    (package / "page_models.py").write_text(text)
    return judge(load((spec,), package))


def test_every_rule_has_both_examples() -> None:
    """A page without a bad and a good block cannot be checked, one without reasons not used."""
    shown = [(page.values[0], page.values[1]) for page in PAGES]
    assert sorted(shown) == sorted(
        (rule_name(rule.__name__), kind) for rule in RULES for kind in ("Bad", "Good")
    )
    for rule in RULES:
        assert all(word in (rule.__doc__ or "") for word in ("\nWhy:", "\nWhen:")), rule


@pytest.mark.filterwarnings("ignore:relationship 'Order.user' will copy column")
@pytest.mark.parametrize(("name", "kind", "text"), PAGES)
def test_pages(package: Path, name: str, kind: str, text: str) -> None:
    """A bad block is bad in this way alone, at a line of its file, and a good one in none."""
    found = judged(package, text)
    rules = [each.rule for each in found if name == _CONVENTION or each.rule != _CONVENTION]
    assert rules == ([name] if kind == "Bad" else []), found
    for each in found:
        assert name == "mappers-not-configured" or each.location is not None
        if each.fix is not None and each.location is not None:
            assert each.location.file == "page_models.py"
            assert each.location.line is not None
            ast.parse(each.fix.code)
