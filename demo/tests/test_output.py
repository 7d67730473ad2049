"""The commands that the demo prints, and its login."""

import stat
import subprocess

import pytest
from django.contrib.auth import get_user_model

from demo.management.commands.demo import LOGIN, login_password
from demo.output import manage_command, way_in


@pytest.mark.exhaustive
@pytest.mark.slow
def test_printed_commands_run_with_the_demos_own_folder(settings, tmp_path):
    settings.LOCAL_DIR = tmp_path / "other place"
    assert f"LOCAL_DIR='{settings.LOCAL_DIR}' " in manage_command()
    code = "from django.conf import settings; print(settings.LOCAL_DIR)"
    ran = subprocess.run(
        ["sh", "-c", f"{manage_command()} shell --no-imports -v 0 -c '{code}'"],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert ran.stdout.strip() == str(settings.LOCAL_DIR)


def test_the_lines_to_paste_lead_a_shell_to_the_service(settings, tmp_path):
    settings.LOCAL_DIR = tmp_path / "other place"
    pasted = [line for line in way_in("http://127.0.0.1:8001", "127.0.0.1:9", LOGIN, "secret") if line.startswith("  ")]
    script = "\n".join([*pasted, 'echo "$PWD $LOCAL_DIR $SERVICE $KAFKA"'])
    ran = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == f"{settings.BASE_DIR} {settings.LOCAL_DIR} http://127.0.0.1:8001 127.0.0.1:9\n"


def test_default_folder_is_not_printed(settings):
    settings.LOCAL_DIR = settings.BASE_DIR / ".local"
    assert "LOCAL_DIR" not in manage_command()
    assert "LOCAL_DIR" not in "".join(way_in("http://127.0.0.1:8001", "127.0.0.1:9", LOGIN, "secret"))


def test_login_keeps_its_password_from_one_demo_to_the_next(db, settings, tmp_path):
    settings.LOCAL_DIR = tmp_path
    password = login_password()
    assert login_password() == password
    user = get_user_model().objects.get(username=LOGIN)
    assert user.check_password(password)
    assert stat.S_IMODE((tmp_path / "demo_password").stat().st_mode) == 0o600
    user.set_password("somebody's own")
    user.save()
    changed = login_password()
    assert changed != password
    assert get_user_model().objects.get(username=LOGIN).check_password(changed)
