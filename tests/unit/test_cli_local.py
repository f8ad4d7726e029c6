"""The verbs that need no node: env, open, ledger, service, spec."""

import json
import os
import plistlib
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node.cli.main import main
from node.cli.service import service_for
from node.clock import now
from node.store import budget, ledger, shares
from node.store.budget import Caps
from node.store.database import Store
from node.store.files import StateDirectory
from node.store.identity import StateLock
from protocol.errors import StateError
from protocol.shares import Given, Purse
from protocol.terms import NanoUsd
from tests.attested import signing_key
from tests.unit.cli_node import live_in
from tests.unit.test_store_ledger import RECEIPT

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    live_in(tmp_path, monkeypatch, 4_999)
    return tmp_path


@pytest.fixture
def kept(home: Path) -> Path:
    """A state with three receipts."""
    with Store.open(StateDirectory.create(home / "state").database) as store:
        for number in range(3):
            receipt = replace(RECEIPT, id=f"{number:02x}ab", offer="home/m\x1b[2J")
            store.write_now(partial(ledger.append, receipt=receipt))
    return home


def test_env_gives_a_shell_what_openai_clients_read_whether_or_not_a_node_runs(home: Path, capsys: Printed) -> None:
    assert main(["env"]) == 0
    shell = capsys.readouterr().out + 'printf "%s %s" "$OPENAI_BASE_URL" "$OPENAI_API_KEY"'
    said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["http://127.0.0.1:4999/v1", (home / "state" / "inference.key").read_text().strip()]
    assert main(["env", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"OPENAI_BASE_URL": said[0], "OPENAI_API_KEY": said[1]}


def test_env_names_the_owner_keys_file_and_never_prints_the_key(home: Path, capsys: Printed) -> None:
    assert main(["env", "--owner"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("ir-owner-")
    assert main(["env", "--owner", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"owner_key_file": str(path)}


def test_env_gives_a_program_a_key_of_its_own(home: Path, capsys: Printed) -> None:
    assert main(["env", "--key", "editor"]) == 0
    assert (home / "state" / "keys" / "editor.key").read_text().strip() in capsys.readouterr().out
    assert main(["env", "--key", "../editor"]) == 1


def test_open_shows_the_address_of_a_running_node(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with StateLock(StateDirectory.create(home / "state")):
        assert main(["open"]) == 0
    assert opened == ["http://127.0.0.1:4999/"]
    assert str(home / "state" / "owner.key") in capsys.readouterr().out


def test_ledger_lists_shows_verifies_and_exports(kept: Path, capsys: Printed) -> None:
    assert main(["ledger", "show", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["decision", "02ab", "01ab"]
    assert "\x1b" not in lines[1]
    assert main(["ledger", "show", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["02ab", "01ab", "00ab"]
    assert main(["ledger", "show", "01"]) == 0
    printed = capsys.readouterr().out
    assert "refused            openai/gpt (cloud)\n" in printed
    assert "privacy: public [clearance_below_sensitivity]" in printed
    assert main(["ledger", "show", "01ab", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "01ab"
    assert main(["ledger", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problem"] is None
    assert main(["ledger", "export"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_ledger_says_what_a_day_and_a_month_came_to_by_provider_beside_the_caps(kept: Path, capsys: Printed) -> None:
    config = kept / ".config" / "islandrun" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('version = 1\n[caps]\nmonth_usd = "30"\n[caps.providers.cloud]\nday_usd = "1"\n')
    wall_s = now().wall_s
    today = budget.day_of(wall_s)
    with Store.open(StateDirectory.create(kept / "state").database) as store:
        for request, offer, amount in ((b"1", "cloud/m", 200_000_000), (b"2", "other/m", 50_000_000)):
            reserve = partial(budget.reserve, request_id=request, offer=offer, amount=NanoUsd(amount))
            store.write_now(partial(reserve, caps=Caps(), wall_s=wall_s))
        purse = Purse(bytes(32), signing_key(1).island, signing_key(2).island, "cloud", today)
        store.write_now(partial(shares.keep_given, purse=purse, kept=Given(NanoUsd(70_000_000), NanoUsd(20_000_000))))
    assert main(["ledger", "show", "--spending"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["day", "all", "0.250000", "-", "0.050000", "0.000000"] in lines
    assert ["day", "cloud", "0.200000", "1.000000", "0.050000", "0.000000"] in lines
    assert ["month", "all", "0.250000", "30.000000", "0.050000", "0.000000"] in lines
    assert ["month", "other", "0.050000", "-", "0.000000", "0.000000"] in lines
    assert main(["ledger", "show", "--spending", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["period"], row["provider"], row["cap_nano_usd"]) for row in told][:2] == [
        ("day", "all", None),
        ("day", "cloud", 1_000_000_000),
    ]
    assert main(["ledger", "show"]) == 0
    assert "02ab" in capsys.readouterr().out


def test_ledger_says_what_is_missing(home: Path, capsys: Printed) -> None:
    assert main(["ledger", "show"]) == 1
    assert "no state yet" in capsys.readouterr().err


def test_unknown_receipt_is_an_error(kept: Path, capsys: Printed) -> None:
    assert main(["ledger", "show", "ff"]) == 1
    assert "no receipt ff" in capsys.readouterr().err


def test_edited_ledger_does_not_verify(kept: Path, capsys: Printed) -> None:
    with Store.open(kept / "state" / "islandrun.db") as store:
        store.write_now(lambda connection: connection.execute("UPDATE receipts SET body = '{}' WHERE position = 2"))
    assert main(["ledger", "verify"]) == 1
    assert main(["ledger", "verify", "--json"]) == 1


def test_service_install_writes_a_unit_and_prints_how_to_enable_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert main(["service", "install"]) == 0
    assert main(["service", "install"]) == 0  # the same again changes nothing
    path = home / ".config" / "systemd" / "user" / "islandrun.service"
    assert (
        "systemctl --user daemon-reload && systemctl --user enable --now islandrun.service" in capsys.readouterr().out
    )
    assert f'ExecStart="{sys.executable}" "-m" "node.cli.main" "start"\n' in path.read_text()
    assert f'Environment="ISLANDRUN_STATE={home / "state"}"\n' in path.read_text()
    assert "KillMode=mixed\n" in path.read_text()  # the core ends the others once it has drained
    path.write_text("[Service]\n# mine\n")
    assert main(["service", "install"]) == 1
    assert path.read_text() == "[Service]\n# mine\n"


def test_unit_file_quotes_what_systemd_would_read_otherwise() -> None:
    wanted = service_for("linux", '/o%d "$x\\/python', {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "SECRET": "s"})
    assert wanted.path == Path("/c/systemd/user/islandrun.service")
    assert 'ExecStart="/o%%d \\"$$x\\\\/python" "-m"' in wanted.content.decode()
    assert b"SECRET" not in wanted.content
    with pytest.raises(StateError, match="control characters"):
        service_for("linux", "/a\nExecStart=/evil", {"HOME": "/h"})


def test_launchd_gets_a_property_list() -> None:
    wanted = service_for("darwin", "/v/python", {"HOME": "/Users/ada", "ISLANDRUN_API": "127.0.0.1:1"})
    assert wanted.path == Path("/Users/ada/Library/LaunchAgents/org.islandrun.node.plist")
    read = plistlib.loads(wanted.content)
    assert read["ProgramArguments"] == ["/v/python", "-m", "node.cli.main", "start"]
    assert read["EnvironmentVariables"] == {"ISLANDRUN_API": "127.0.0.1:1"}


def test_service_of_another_system_is_refused() -> None:
    with pytest.raises(StateError, match="WSL"):
        service_for("win32", "python", {"HOME": "/h"})


@pytest.mark.parametrize(("code", "status"), [(0, 0), (3, 1)])
def test_spec_check_runs_the_vectors_of_the_clone(
    code: int, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Printed
) -> None:
    for room in ("specs/vectors", "tests/vectors", "protocol"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "vectors" / "__main__.py").write_text(
        f"import sys, os; print(sys.argv[1:], os.getcwd()); sys.exit({code})"
    )
    monkeypatch.setattr("protocol.__file__", str(tmp_path / "protocol" / "__init__.py"))
    (tmp_path / "specs" / "vectors" / "records.json").touch()
    assert main(["spec", "check"]) == status
    told = capsys.readouterr()
    ran = f"['--check'] {os.path.realpath(tmp_path)}\n"
    assert (told.out, told.err) == ((f"{ran}1 files of vectors hold: records.json\n", "") if code == 0 else ("", ran))
    assert main(["spec", "check", "--json"]) == status
    assert json.loads(capsys.readouterr().out)["ok"] is (code == 0)


def test_spec_check_says_where_the_vectors_are_when_they_are_not_shipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Printed
) -> None:
    monkeypatch.setattr("protocol.__file__", str(tmp_path / "protocol" / "__init__.py"))
    assert main(["spec", "check"]) == 1
    assert "source repository" in capsys.readouterr().err
