"""Adding a recommender as in docs/recommending.md: with one file, and one line of the registry."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "recommending.md").read_text()
TRY = """
import django
django.setup()
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.registry import get_recommender
from recommendations.tests.factories import offer_of
context = ScoringContext(offer_of({"odd": 2}, {"odd": 7.5}))
recommender = get_recommender("longest_odds")
assert list(recommender.score(context)) == [2, 7.5]
print(recommender.reasons(context, 1)[0])
"""


@pytest.mark.exhaustive
def test_the_guides_recommender_is_one_file_and_one_line_of_the_registry(tmp_path):
    ignored = shutil.ignore_patterns(".*", "node_modules", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "project", ignore=ignored)
    folder = tmp_path / "project" / "recommendations" / "recommenders"
    [code] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (folder / "longest_odds.py").write_text(code)
    registry = (folder / "registry.py").read_text()
    imported = registry.replace("from .neighbours", "from .longest_odds import LongestOdds\nfrom .neighbours")
    (folder / "registry.py").write_text(
        imported.replace("        Hybrid(),", "        Hybrid(),\n        LongestOdds(),")
    )
    environment = {"DJANGO_SETTINGS_MODULE": "recsys_project.settings", "LOCAL_DIR": str(tmp_path / "local")}
    tried = subprocess.run(
        [sys.executable, "-c", TRY],
        cwd=tmp_path / "project",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.strip() == "It pays 7.5 times the stake"
