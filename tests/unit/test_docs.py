"""What the documents say exists: commands, their flags, files, and a configuration that can be read."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from node.agents.policy import Policy
from node.agents.policy_file import parse_policy
from node.cli.main import VERBS, main
from node.config import Config, FileContent, load
from node.privacy.policy import Level
from protocol.terms import Sensitivity, Tier

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(islandrun [^`]+)`")
COMMAND = re.compile(r"\bislandrun ([a-z][^|()#\n]*)")
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)(?:#[^)]*)?\)")


def fences(document: str, language: str) -> list[str]:
    return [body for name, body in FENCE.findall((ROOT / document).read_text()) if name == language]


def commands() -> list[str]:
    """Each `islandrun VERB …` of the documents."""
    found = []
    for document in DOCUMENTS:
        text = "\n".join([*fences(document, "sh"), *SPAN.findall(FENCE.sub("", (ROOT / document).read_text()))])
        found += [match.strip() for match in COMMAND.findall(text)]
    return sorted(set(found))


def words_of(command: str) -> list[str]:
    return shlex.split(command.partition(" <")[0])


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_documents_exists_with_its_flags(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    verb, *rest = words_of(command)
    assert verb in VERBS
    told = help_of(capsys, verb)
    choices = re.search(r"^  \{([a-z,]+)\}", told, re.MULTILINE)
    if choices:
        assert rest[0] in choices[1].split(",")
        told = help_of(capsys, verb, rest[0])
    assert all(re.search(rf"(?<!\S){flag}\b", told) for flag in rest if flag.startswith("--"))


def help_of(capsys: pytest.CaptureFixture[str], *verb: str) -> str:
    with pytest.raises(SystemExit) as end:
        main([*verb, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out.replace("[", " ")


def test_the_documents_name_commands() -> None:
    assert len(commands()) > 15
    assert (ROOT / "README.md").read_text().index("make demo") < 800


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    for target in LINK.findall((ROOT / document).read_text()):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_every_make_target_of_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE)) <= targets


def test_configuration_in_the_readme_can_be_read() -> None:
    first, own = (read(text) for text in fences("README.md", "toml"))
    assert [provider.name for provider in first.providers] == ["openai"]
    assert [term.text for term in own.privacy.own.terms] == ["Project Bluebird"]
    assert own.privacy.level_for(Tier.CLOUD) is Level.STRICT


def read(text: str) -> Config:
    files = {"config.toml": text, "openai.key": "a key"}
    return load({}, {"HOME": "/home/ada"}, lambda path: FileContent(files[path.name].encode(), None))


def test_policy_in_the_readme_is_one() -> None:
    text, _ = fences("README.md", "toml")
    policy = parse_policy(tomllib.loads(text)["policy"])
    assert policy.clearance[Tier.CLOUD].sanitised is Sensitivity.PUBLIC


def test_clearance_table_of_the_readme_is_the_default_policy() -> None:
    rows = re.findall(r"^\| `(personal|edge|cloud)` \| (\w+) \| (\w+|–) \|$", (ROOT / "README.md").read_text(), re.M)
    told = [(Tier.parse(tier), Sensitivity.parse(as_is), _level(left)) for tier, as_is, left in rows]
    assert told == [(tier, row.as_is, row.sanitised) for tier, row in zip(Tier, Policy().clearance, strict=True)]


def _level(word: str) -> Sensitivity | None:
    return None if word == "–" else Sensitivity.parse(word)
