"""Whatever stands in the file: a whole configuration, or one line that says what is wrong."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.config import FileContent, load
from protocol.errors import ConfigError

_PIECES = st.sampled_from(
    [
        "version = 1\n", "[api]\n", "[caps]\n", "[[providers]]\n", "[[providers.models]]\n", "[[backends]]\n",
        "[policy]\n", 'name = "a"\n', 'url = "http://[::1"\n', 'url = "http://127.0.0.1:1/v1"\n', 'tier = "edge"\n',
        'models = ["m"]\n', 'day_usd = "1"\n', 'day_usd = "1e-9999999"\n', "slots = 99999999999999999999\n",
        "quality = nan\n", "a.b = {c = [1]}\n", 'key_env = "X"\n', "x = 2020-99-99\n", '"""', "'''", "=", "\n",
        "\x00", "[", "]", "é", '"', "#",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
@example("version = 1\n" + "[" * 3000)
@example("version = 1\nx = " + "[" * 60_000)
def test_any_text_is_a_configuration_or_one_line_of_refusal(text: str) -> None:
    try:
        load({}, {"HOME": "/h"}, {Path("/h/.config/islandrun/config.toml"): FileContent(text.encode())}.get)
    except ConfigError as error:
        assert str(error).startswith("config.toml:")
        assert "\n" not in str(error)
