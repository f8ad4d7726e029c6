"""`islandrun scrub`, with the real models in one process for all cases, and the vault file without any."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.vault_file import read_vault, write_vault
from node.privacy.findings import FindingType
from node.privacy.restorer import restore_values
from node.privacy.vault import Vault
from protocol.errors import StateError

ROOT = Path(__file__).parents[2]


def run(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "import sys; from node.cli.scrub import scrub; sys.exit(scrub(sys.argv[1:]))"]
    return subprocess.run([*command, *arguments], input=data, capture_output=True, cwd=ROOT, timeout=120, check=False)


@pytest.mark.model
def test_batch_answers_each_line_in_order_with_spans_of_the_original() -> None:
    rows = [
        {"id": "a", "text": "Dear Margaret Hamilton, call +44 20 7946 0018. Best, Katherine Johnson"},
        {"id": 2, "text": "What is the capital of France?"},
        {"id": None, "text": ""},
        {"id": "half", "text": "half a pair \ud800 and ada@example.org"},
        {"id": "later", "text": "my password: Hunter2!x"},
    ]
    done = run("--batch", data="".join(json.dumps(row) + "\n" for row in rows).encode())
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.decode("utf-8", "surrogatepass").splitlines()]
    assert [answer["id"] for answer in answers] == [row["id"] for row in rows]
    assert [a["sensitivity"] for a in answers] == ["confidential", "public", "public", "confidential", "restricted"]
    assert answers[0]["text"] == "Dear [PERSON_1], call [PHONE_1]. Best, [PERSON_2]"
    for row, answer in zip(rows, answers, strict=True):
        out, at = [], 0
        for span in answer["spans"]:
            out.append(str(row["text"])[at : span["start"]])
            at = span["end"]
        kept = "".join([*out, str(row["text"])[at:]])
        assert len(kept) <= len(answer["text"])
        assert ("[" in answer["text"]) == bool(answer["spans"])


@pytest.mark.model
def test_restore_is_the_exact_inverse_for_any_bytes(tmp_path: Path) -> None:
    vault = tmp_path / "letter.vault"
    letter = b"Dear Margaret Hamilton,\r\nkeep [PERSON_1]. \xff\xfe ada@example.org\n"
    safe = run("--vault", str(vault), data=letter)
    assert safe.returncode == 0, safe.stderr
    assert b"Hamilton" not in safe.stdout
    assert b"Hamilton" not in safe.stderr
    assert stat.S_IMODE(vault.stat().st_mode) == 0o600
    back = run("--restore", "--vault", str(vault), data=safe.stdout)
    assert (back.returncode, back.stdout) == (0, letter)


def test_line_that_is_no_json_is_named_without_its_text() -> None:
    from node.cli.scrub import _LineError, _row

    with pytest.raises(_LineError, match="line 3: not JSON") as raised:
        _row(3, "Ada Lovelace")
    assert "Ada" not in str(raised.value)


def a_vault() -> Vault:
    vault = Vault()
    vault.put(FindingType.PERSON, "Ada \udcff")
    return vault


def test_kept_vault_restores(tmp_path: Path) -> None:
    write_vault(tmp_path / "v", a_vault())
    assert restore_values("[PERSON_1] [PERSON_2]", read_vault(tmp_path / "v")) == "Ada \udcff [PERSON_2]"


def test_vault_is_never_overwritten(tmp_path: Path) -> None:
    write_vault(tmp_path / "v", a_vault())
    with pytest.raises(StateError, match="never overwritten"):
        write_vault(tmp_path / "v", Vault())


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"version": 2, "values": {}}', b'{"version": 1, "values": {"x": "y"}}', b"\xff"]
)
def test_file_that_is_no_vault_is_one_clear_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(StateError, match=str(tmp_path)):
        read_vault(tmp_path / "v")
    with pytest.raises(StateError, match="No such file"):
        read_vault(tmp_path / "w")
