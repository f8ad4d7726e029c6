"""The configuration: who wins, what is refused, and that every refusal names its place."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.agents.estimates import Claim
from node.config import (
    Address,
    Config,
    FileContent,
    OutputLimit,
    ProviderKind,
    config_path,
    load,
    read_file,
    state_path,
)
from node.configuration.lines import Lines
from node.configuration.values import EmbeddingConfig, Pooling
from protocol.errors import ConfigError
from protocol.terms import Tier

HOME = {"HOME": "/home/ada"}
FILE = Path("/home/ada/.config/islandrun/config.toml")

PROVIDER = """version = 1

[[providers]]
name = "openai"
url = "https://api.openai.com/v1"
key_env = "CLOUD_API_KEY"
jurisdiction = "US"

[[providers.models]]
name = "gpt-x"
input_usd = "1.25"
output_usd = "10"
context_tokens = 128000
quality = 0.9
"""


def loaded(
    text: str | None,
    flags: Mapping[str, str | None] | None = None,
    files: Mapping[Path, FileContent] | None = None,
    **environ: str,
) -> Config:
    found = {**(files or {})}
    if text is not None:
        found[FILE] = FileContent(text.encode())
    return load(flags or {}, {**HOME, **environ}, found.get)


def refusal(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(text, None, None, **environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_a_file_the_defaults_hold() -> None:
    config = loaded(None)
    assert config.api == Address("127.0.0.1", 4753)
    assert [str(address) for address in config.mesh] == ["0.0.0.0:4754", "[::]:4754"]
    assert config.state == Path("/home/ada/.local/state/islandrun")
    assert (config.name, config.interfaces, config.backends, config.providers) == (None, None, (), ())
    assert config.embedded.enabled
    assert config.caps.day is None
    assert dict(config.policy) == {}


def test_flag_wins_over_environment_over_file_over_default() -> None:
    text = 'version = 1\nname = "file"\n[api]\naddress = "127.0.0.1:1001"\n[mesh]\naddresses = ["10.0.0.1:1001"]\n'
    assert loaded(text).api.port == 1001
    assert loaded(text, ISLANDRUN_API="127.0.0.1:1002").api.port == 1002
    assert loaded(text, {"api": "[::1]:1003"}, ISLANDRUN_API="127.0.0.1:1002").api == Address("::1", 1003)
    assert loaded(text, {"api": None}, ISLANDRUN_API="").api.port == 1001
    assert loaded(text).mesh == (Address("10.0.0.1", 1001),)
    assert loaded(text, ISLANDRUN_MESH="0.0.0.0:7,[::]:8").mesh == (Address("0.0.0.0", 7), Address("::", 8))
    assert loaded(text, ISLANDRUN_NAME="environment").name == "environment"
    assert loaded(text, {"embedded": "off"}).embedded.enabled is False
    assert loaded(text, {"interfaces": "lo, eth0"}).interfaces == ("lo", "eth0")


def test_broken_line_is_told_also_where_a_flag_wins_over_it() -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:3: address"):
        loaded("version = 1\n[api]\naddress = 'x'\n", {"api": "127.0.0.1:1"})


def test_paths_follow_xdg_and_ignore_relative_ones() -> None:
    environ = {**HOME, "XDG_CONFIG_HOME": "/etc/xdg", "XDG_STATE_HOME": "relative"}
    assert config_path({}, environ) == Path("/etc/xdg/islandrun/config.toml")
    assert state_path({}, environ) == Path("/home/ada/.local/state/islandrun")
    assert state_path({"state": "/s"}, {**environ, "ISLANDRUN_STATE": "/t"}) == Path("/s")
    assert state_path({}, {"ISLANDRUN_STATE": "/t"}) == Path("/t")
    with pytest.raises(ConfigError, match="HOME"):
        state_path({}, {})


def test_provider_is_read_with_exact_prices_and_a_hidden_key() -> None:
    config = loaded(PROVIDER, CLOUD_API_KEY="sk-canary")
    (provider,) = config.providers
    assert provider.kind is ProviderKind.OPENAI
    assert provider.output_limit is OutputLimit.MAX_COMPLETION_TOKENS
    assert (provider.url, provider.jurisdiction) == ("https://api.openai.com/v1", "US")
    (model,) = provider.models
    assert (model.input_price, model.output_price, model.cached_input_price) == (1_250_000_000, 10_000_000_000, None)
    assert provider.key is not None
    assert provider.key.reveal() == "sk-canary"
    assert "sk-canary" not in repr(config)


def test_backend_has_a_tier_only_for_models_that_are_named() -> None:
    head = 'version = 1\n[[backends]]\nname = "rack"\nurl = "http://10.0.0.9:8000/v1/"\n'
    (backend,) = loaded(head + 'tier = "edge"\nmodels = ["llama"]\n').backends
    assert (backend.tier, backend.models, backend.url) == (Tier.EDGE, ("llama",), "http://10.0.0.9:8000/v1")
    (backend,) = loaded(head).backends
    assert (backend.tier, backend.models, backend.context_tokens) == (None, (), None)
    assert refusal(head + 'tier = "edge"\n') == (
        'config.toml:5: tier = "edge": expected models = [...] beside it: a tier holds for models that are named'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'\n", "config.toml:1: version is missing: expected version = 1 at the top"),
        ("version = 2\n", "config.toml:1: version = 2: expected 1, the one that this program knows"),
        ("version = true\n", "config.toml:1: version = true: expected 1, the one that this program knows"),
        ("version = 1\n\n[caps\n", "config.toml:3: not TOML: Expected ']' at the end of a table declaration"),
        ('version = 1\nname = "a\nb', "config.toml:2: not TOML: Illegal character '\\n'"),
        ("version = 1\nnmae = 'x'\n", "config.toml:2: nmae: unknown key (did you mean name?): expected api, backends"),
        (
            "version = 1\n[caps]\nday = '1'\n",
            "config.toml:3: day: unknown key (did you mean day_usd?): expected at_cap, day_usd",
        ),
        (
            "version = 1\n[caps]\n\nday_usd = 1.5\n",
            "config.toml:4: day_usd = 1.5: expected US dollars as a quoted decimal",
        ),
        ("version = 1\n[caps]\nday_usd = '-1'\n", 'config.toml:3: day_usd = "-1": expected US dollars'),
        ("version = 1\n[caps]\nday_usd = 'nan'\n", 'config.toml:3: day_usd = "nan": expected US dollars'),
        ("version = 1\n[caps]\nday_usd = '0.0000000001'\n", 'config.toml:3: day_usd = "0.0000000001": expected US'),
        ("version = 1\n[caps]\nday_usd = '9e99'\n", 'config.toml:3: day_usd = "9e99": expected US dollars'),
        (
            "version = 1\n[api]\naddress = '0.0.0.0:4753'\n",
            'config.toml:3: address = "0.0.0.0:4753": expected a loopback',
        ),
        ("version = 1\n[mesh]\naddresses = ['here:1']\n", 'config.toml:3: addresses = ["here:1"]: expected a list of'),
        (
            "version = 1\n[mesh]\ninterfaces = 'eth0'\n",
            'config.toml:3: interfaces = "eth0": expected names of interfaces',
        ),
        ("version = 1\napi = 3\n", "config.toml:2: api = 3: expected a table: [api]"),
        ("version = 1\nproviders = 3\n", "config.toml:2: providers = 3: expected tables: [[providers]]"),
        ("version = 1\npolicy = 3\n", "config.toml:2: policy = 3: expected a table: [policy]"),
        ("version = 1\n[embedded]\nslots = 0\n", "config.toml:3: slots = 0: expected a whole number from 1 to 1024"),
        ("version = 1\n[embedded]\nenabled = 1\n", "config.toml:3: enabled = 1: expected true or false"),
        (
            "version = 1\n[privacy]\nlanguages = ['German']\n",
            'config.toml:3: languages = ["German"]: expected codes of',
        ),
        (f"version = 1\n[limits]\nrunning_max = {'9' * 5000}\n", "config.toml:1: not TOML that can be read: a number"),
    ],
)
def test_each_broken_line_gets_one_clear_line(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('name = "openai"', 'name = "auto"', 'config.toml:4: name = "auto": expected a name of small letters'),
        ('name = "openai"\n', "", "config.toml:3: name is missing: expected a name of small letters"),
        ("https://api", "ftp://api", 'config.toml:5: url = "ftp://api.openai.com/v1": expected a URL such as'),
        ("https://api", "http://api", 'config.toml:5: url = "http://api.openai.com/v1": expected a URL such as'),
        ('"US"', '"Utopia"', 'config.toml:7: jurisdiction = "Utopia": expected a country'),
        ("quality = 0.9", "quality = nan", "config.toml:14: quality = nan: expected a number from 0 to 1"),
        ('"US"', '"US"\nretention_days = -1', "config.toml:8: retention_days = -1: expected a whole number from 0"),
        ('"US"', '"US"\ntrains = "no"', 'config.toml:8: trains = "no": expected true or false'),
        ("quality = 0.9", "ttft_ms = 0", "config.toml:14: ttft_ms = 0: expected a whole number from 1"),
        ("quality = 0.9", "tokens_per_s = 1e9", "config.toml:14: tokens_per_s = 1000000000.0: expected a whole number"),
        ("quality = 0.9", "quality = 1.1", "config.toml:14: quality = 1.1: expected a number from 0 to 1"),
        ("quality = 0.9", 'tier = "persnal"', "config.toml:14: tier: unknown key"),
        ("[[providers.models]]", "[[providers.modles]]", "config.toml:3: models is missing: expected at least one"),
        ("kind", "kind", 'config.toml:6: key_env = "CLOUD_API_KEY": expected an environment variable that is set'),
    ],
)
def test_each_broken_line_of_a_provider_is_named(before: str, after: str, message: str) -> None:
    environ = {} if before == "kind" else {"CLOUD_API_KEY": "sk-canary"}
    assert refusal(PROVIDER.replace(before, after), **environ).startswith(message)


def test_terms_and_speed_of_a_provider_are_not_known_until_the_owner_says_them() -> None:
    silent = loaded(PROVIDER, CLOUD_API_KEY="sk-canary").providers[0]
    assert (silent.retention_days, silent.trains, silent.models[0].claim) == (None, None, Claim())
    told = PROVIDER.replace('"US"', '"US"\nretention_days = 30\ntrains = false') + "ttft_ms = 800\ntokens_per_s = 60\n"
    provider = loaded(told, CLOUD_API_KEY="sk-canary").providers[0]
    assert (provider.retention_days, provider.trains) == (30, False)
    assert provider.models[0].claim == Claim(ttft_s=0.8, tokens_per_s=60.0)


def test_an_embedding_model_is_a_file_beside_the_configuration() -> None:
    read = loaded('version = 1\n[embedding]\nmodel = "small.gguf"\npooling = "cls"').embedding
    assert read == EmbeddingConfig(FILE.parent / "small.gguf", Pooling.CLS)
    assert loaded("version = 1").embedding is None
    assert "model is missing" in refusal('version = 1\n[embedding]\npooling = "mean"')
    assert "mean, cls or last" in refusal('version = 1\n[embedding]\nmodel = "a.gguf"\npooling = "max"')


def test_a_provider_and_a_server_say_which_of_their_models_embed() -> None:
    config = loaded(
        'version = 1\n[[backends]]\nname = "rack"\nurl = "http://10.0.0.9:8000/v1"\nembeds = ["bge"]\n'
        '[[providers]]\nname = "p"\nurl = "https://api.example.org/v1"\n'
        '[[providers.models]]\nname = "e"\nembeds = true\ninput_usd = "0.02"'
    )
    assert config.backends[0].embeds == ("bge",)
    (model,) = config.providers[0].models
    assert (model.embeds, model.input_price, model.output_price) == (True, 20_000_000, 0)
    head = 'version = 1\n[[backends]]\nname = "r"\nurl = "http://10.0.0.9/v1"\n'
    assert "models that are named" in refusal(head + 'tier = "edge"\nmodels = ["a"]\nembeds = ["b"]')
    claude = 'version = 1\n[[providers]]\nname = "c"\nkind = "anthropic"\nurl = "https://api.example.org/v1"\n'
    assert "no vectors" in refusal(claude + '[[providers.models]]\nname = "m"\nembeds = true')


def test_mistyped_tier_is_told_what_would_be_right() -> None:
    text = "version = 1\n" + "\n" * 7 + '[[backends]]\nname = "rack"\nurl = "http://10.0.0.9/v1"\ntier = "persnal"\n'
    assert refusal(text) == 'config.toml:12: tier = "persnal": expected personal, edge or cloud'


def test_two_services_never_share_a_name() -> None:
    message = refusal(PROVIDER + PROVIDER.removeprefix("version = 1\n"), CLOUD_API_KEY="sk-canary")
    assert message.startswith('config.toml:17: name = "openai": expected a name that no other')


def test_a_model_stands_once_in_a_provider() -> None:
    again = '\n[[providers.models]]\nname = "gpt-x"\n'
    message = refusal(PROVIDER + again, CLOUD_API_KEY="sk-canary")
    assert message == 'config.toml:17: name = "gpt-x": expected each model of a provider once'


def test_flag_and_variable_are_named_in_their_errors() -> None:
    with pytest.raises(ConfigError, match=r'^--api = "nowhere": expected a loopback address'):
        loaded(None, {"api": "nowhere"})
    with pytest.raises(ConfigError, match=r'^ISLANDRUN_MESH = "0.0.0.0:99999": expected an IP address'):
        loaded(None, ISLANDRUN_MESH="0.0.0.0:99999")
    with pytest.raises(ConfigError, match=r"^/nowhere.toml: no such file"):
        loaded(None, {"config": "/nowhere.toml"})


def test_reading_again_is_whole_or_not_at_all() -> None:
    before = loaded(PROVIDER, CLOUD_API_KEY="one")
    refusal(PROVIDER + "\n[caps]\nday_usd = 2\n", CLOUD_API_KEY="two")
    assert before == loaded(PROVIDER, CLOUD_API_KEY="one")
    after = loaded(PROVIDER + '\n[caps]\nday_usd = "2"\n', CLOUD_API_KEY="two")
    assert after.caps.day == 2_000_000_000
    assert before.caps.day is None


def test_policy_is_handed_on_read_only_and_can_be_pointed_into() -> None:
    config = loaded('version = 1\n[policy]\npreset = "private"\n\n[policy.clearance]\nedge = ["internal"]\n')
    assert config.policy["preset"] == "private"
    assert config.policy["clearance"]["edge"] == ("internal",)
    with pytest.raises(TypeError):
        config.policy["preset"] = "fast"  # type: ignore[index]
    error = config.source.error(("policy", "clearance", "edge"), "x", "public")
    assert str(error) == 'config.toml:6: edge = "x": expected public'


def test_real_files_tell_whether_others_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert read_file(path) is None
    path.write_bytes(b"x")
    path.chmod(0o644)
    assert read_file(path) == FileContent(b"x", 0o644)
    path.chmod(0o600)
    assert read_file(path) == FileContent(b"x")


def test_lines_are_found_through_arrays_strings_and_comments() -> None:
    text = '''a = """
b = 1
"""
list = [
  "c = 1", # ]
]
d = { e = 1, "f" = 2 }
[t]
'quoted key' = 1
x.y = 2
[[rows]]
z = 1
[rows.below]
k = 1
[[rows]]
z = 2
# z = 3
'''
    assert tomllib.loads(text)["rows"][1]["z"] == 2
    lines = Lines(text)
    places = {
        ("a",): 1, ("b",): 1, ("list",): 4, ("c",): 1, ("d",): 7, ("d", "e"): 7, ("d", "f"): 7, ("t",): 8,
        ("t", "quoted key"): 9, ("t", "x", "y"): 10, ("rows", 0): 11, ("rows", 0, "z"): 12,
        ("rows", 0, "below", "k"): 14, ("rows", 1): 15, ("rows", 1, "z"): 16, ("rows", 1, "unknown"): 15,
    }  # fmt: skip
    assert {path: lines.of(path) for path in places} == places


def test_infinite_numbers_are_no_share() -> None:
    assert math.isinf(tomllib.loads("q = inf")["q"])
    assert "quality = inf" in refusal(PROVIDER.replace("0.9", "inf"), CLOUD_API_KEY="k")


def test_example_shows_every_key_and_is_read_as_it_stands() -> None:
    path = Path(__file__).parents[2] / "node" / "configuration" / "example.toml"
    text = path.read_text()
    files = {FILE.parent / "rack.key": FileContent(b"k"), FILE.parent / "clients.txt": FileContent(b"Halvorsen")}
    config = loaded(text, None, files, CLOUD_API_KEY="k")
    assert config.backends[0].tier is Tier.EDGE
    assert config.caps.month == 30_000_000_000
    defaults = loaded(None)
    assert (config.api, config.mesh, config.limits, config.embedded) == (
        defaults.api,
        defaults.mesh,
        defaults.limits,
        defaults.embedded,
    )
    tables = tomllib.loads(text)
    provider = tables["providers"][0]
    for table, where in (
        (tables, text.replace("version = 1\n", "version = 1\nzzz = 1\n")),
        (tables["embedding"], text.replace("[embedding]  ", "[embedding]\nzzz = 1\n#")),
        (tables["backends"][0], text.replace('name = "rack"', 'name = "rack"\nzzz = 1')),
        (provider, text.replace('name = "openai"', 'name = "openai"\nzzz = 1')),
        (provider["models"][0], text.replace('name = "gpt-5-mini"', 'name = "gpt-5-mini"\nzzz = 1')),
        (tables["privacy"], text.replace("[privacy]", "[privacy]\nzzz = 1")),
        (tables["privacy"]["level"], text.replace("[privacy.level]  ", "[privacy.level]\nzzz = 1")),
        (tables["privacy"]["terms"][0], text.replace("[[privacy.terms]]", "[[privacy.terms]]\nzzz = 1")),
        (tables["privacy"]["patterns"][0], text.replace("[[privacy.patterns]]", "[[privacy.patterns]]\nzzz = 1")),
        (tables["limits"], text.replace("[limits]", "[limits]\nzzz = 1")),
        (tables["embedded"], text.replace("[embedded]", "[embedded]\nzzz = 1")),
    ):
        with pytest.raises(ConfigError, match="zzz") as caught:
            loaded(where, None, files, CLOUD_API_KEY="k")
        known = set(str(caught.value).partition("expected ")[2].replace(" or ", ", ").split(", "))
        # Either way to a secret is shown once, by one service each.
        assert known - set(table) <= {"key", "key_env", "key_file", "output_limit"}
