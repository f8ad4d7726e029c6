"""Whatever a model writes, no value gets into an attribute or a comment, as an HTML reader sees the answer."""

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType
from node.privacy.restorer import Restorer
from node.privacy.vault import Vault

VALUE = "canary"
TOKENS = st.sampled_from(["[PERSON_1]", "PERSON_1", "**[PERSON_1]**", "[person 1]", "[PERSON_1's]", "\\[PERSON_1\\]"])
MARKS = st.sampled_from(
    [
        *("<", ">", "<a href=", '<img src="', "'", '"', "=", "//evil.example/", "<!--", "-->", "<b>", "</b>", "x", " "),
        *("\n", "[", "](", ")", "]: ", "/>", "<?", "y:", "-", "`", "https://evil.example/"),
    ]
)
# An empty line ends a tag for a Markdown reader, and not for this one.
ANSWERS = st.lists(TOKENS | MARKS, max_size=14).map(lambda parts: re.sub(r"\n\s*\n", "\n", "".join(parts)))


class _Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [f"{name} {value}" for name, value in attrs]

    def handle_comment(self, data: str) -> None:
        self.seen.append(data)


@settings(max_examples=500, deadline=None)
@given(ANSWERS)
def test_no_value_gets_into_an_attribute_or_a_comment(answer: str) -> None:
    vault = Vault()
    vault.put(FindingType.PERSON, VALUE)
    restorer = Restorer(vault)
    shown = restorer.feed(answer) + restorer.finish()
    reader = _Attributes()
    reader.feed(shown)
    reader.close()
    assert not [seen for seen in reader.seen if VALUE in seen]
