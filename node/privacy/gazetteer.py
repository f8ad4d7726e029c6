"""Tables of names: what the world knows, what people are called, and which words are just words.

Sources: WordNet 3.0, Faker and Ruby's faker, derived by data/derive.py (see NOTICE). Each table is read when first
asked for.
"""

from functools import cache
from importlib import resources

from node.privacy.wordlist import words


@cache
def _table(name: str) -> frozenset[str]:
    return frozenset(resources.files("node.privacy").joinpath("data", name).read_text("utf-8").splitlines())


@cache
def _parts(name: str) -> frozenset[str]:
    """The single words of a table's names."""
    return frozenset(word for entry in _table(name) for word in entry.split())


def is_famous(name: str) -> bool:
    """Somebody whom WordNet knows, by full name or by the name that is enough: "Isaac Newton", "Napoleon"."""
    return name in _table("people.txt")


def is_known(name: str) -> bool:
    """A place, a work, an event, an institution that WordNet knows, or that is common in questions about software."""
    return name in _table("places.txt") or name in _table("things.txt") or name.lower() in _SOFTWARE


def is_kind(phrase: str) -> bool:
    """A kind of thing with somebody's name in it, in lower case: "ohm's law", "granny smith"."""
    return phrase in _table("kinds.txt") or (phrase.endswith("s") and phrase[:-1] in _table("kinds.txt"))


def is_fiction(name: str) -> bool:
    """A character or the title of a work, or a band, of several words, that many people know."""
    return name in _table("fiction.txt")


def is_make(name: str) -> bool:
    """A maker of goods, or a programming language."""
    return name in _table("makes.txt")


def is_place(name: str) -> bool:
    return name in _table("places.txt")


def is_word(word: str) -> bool:
    """An English word in ordinary use, in lower case, that is no name of anything; also with an ending of grammar."""
    table = _table("words.txt")
    if word in table or word in _FUNCTION:
        return True
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_CHARACTERS_MIN:
            stem = word[: -len(ending)]
            if stem in table or f"{stem}e" in table or (ending == "ies" and f"{stem}y" in table):
                return True
    return False


def is_given(name: str) -> bool:
    return name in _table("given.txt")


def is_family(name: str) -> bool:
    return name in _table("family.txt")


def names_in_other_scripts() -> frozenset[str]:
    """What people are called, first and family names, in scripts other than Latin and Han, word by word."""
    return _table("given_other.txt") | _table("family_other.txt")


@cache
def han_families() -> tuple[str, ...]:
    """Family names in Han characters, the longer ones first."""
    return tuple(sorted(_table("han_family.txt") | _COMPOUND, key=lambda name: (-len(name), name)))


def is_han_family(name: str) -> bool:
    return name in _table("han_family.txt") or name in _COMPOUND


def han_given() -> tuple[str, ...]:
    """Given names of two Han characters and more."""
    return tuple(sorted(_table("han_given.txt")))


def is_software(name: str) -> bool:
    return name.lower() in _SOFTWARE


STEM_CHARACTERS_MIN = 3
_ENDINGS = ("'s", "’s", "ies", "s", "es", "ed", "d", "ing", "ly", "er")
# Words of grammar, which WordNet leaves out.
_FUNCTION = words(
    "the a an and or but nor so yet if then than that this these those it its he him his she her hers they them "
    "their theirs we us our ours you your yours i me my mine who whom whose which what where when why how "
    "because although though while until unless since whether with without within into onto upon of for from to "
    "at by about above across after against along among around before behind below beneath beside besides "
    "between beyond despite during except inside near off outside over past through throughout toward towards "
    "under underneath up upon via is are was were be been being am do does did done has have had having will "
    "would shall should can could may might must not no yes each every any some all both either neither another "
    "other others such same more most less least few many much several none one two three four five six seven "
    "eight nine ten first second third here there now also just only even still too very however therefore thus "
    "hence moreover furthermore otherwise instead meanwhile nevertheless please hello thanks everyone everybody "
    "everything someone somebody something anyone anybody anything nobody nothing itself himself herself "
    "themselves myself yourself ourselves it's i'm don't isn't aren't can't won't didn't doesn't i've i'd i'll "
    "you're we're they're that's there's what's let's"
)
# Compound Chinese family names; Faker has few.
_COMPOUND = words(
    "欧阳 歐陽 太史 端木 上官 司马 司馬 东方 東方 独孤 獨孤 南宫 南宮 万俟 闻人 聞人 夏侯 诸葛 諸葛 尉迟 尉遲 "
    "公羊 赫连 赫連 澹台 皇甫 宗政 濮阳 濮陽 公冶 太叔 申屠 公孙 公孫 慕容 仲孙 仲孫 钟离 鍾離 长孙 長孫 宇文 "
    "司徒 鲜于 鮮于 司空 闾丘 子车 亓官 司寇 颛孙 端木 巫马 公西 漆雕 乐正 壤驷 公良 拓跋 夹谷 宰父 谷梁 段干 "
    "百里 东郭 南门 呼延 羊舌 微生 梁丘 左丘 东门 西门"
)
# Products, languages and tools that people ask about; written for this project.
_SOFTWARE = words(
    "curl wget lodash axios npm yarn redux prettier numba celery gunicorn uvicorn hadoop spark airflow dbt "
    "python ada java javascript typescript rust golang kotlin swift ruby perl php scala haskell erlang elixir "
    "clojure julia matlab fortran cobol pascal lua dart groovy bash zsh powershell sql mysql postgres "
    "postgresql sqlite mongodb redis mariadb oracle cassandra elasticsearch kafka rabbitmq nginx apache tomcat "
    "docker kubernetes helm terraform ansible jenkins travis gitlab github bitbucket git jira confluence trello "
    "notion slack discord zoom teams skype outlook gmail excel word powerpoint access onenote sharepoint "
    "onedrive dropbox libreoffice openoffice calc photoshop illustrator figma canva blender unity unreal godot "
    "android ios ipados macos windows linux ubuntu debian fedora centos redhat arch mint alpine raspberry "
    "arduino django flask fastapi requests httpx pandas numpy scipy matplotlib seaborn plotly scikit-learn "
    "tensorflow keras pytorch spacy nltk jupyter anaconda conda poetry pip pytest selenium playwright cypress "
    "jest mocha react angular vue svelte next nuxt node deno bun express rails laravel symfony spring hibernate "
    "maven gradle webpack vite babel eslint tailwind bootstrap jquery wordpress drupal joomla shopify magento "
    "salesforce sap chrome chromium firefox safari edge opera google microsoft apple amazon facebook instagram "
    "twitter youtube tiktok linkedin reddit pinterest snapchat whatsapp telegram signal wikipedia netflix "
    "spotify paypal stripe alexa siri cortana bixby chatgpt gpt openai claude gemini copilot llama mistral hugging "
    "azure aws gcp heroku netlify vercel cloudflare grafana prometheus datadog splunk kibana logstash bitwarden "
    "keepass keepassxc lastpass wireguard openvpn tor bluetooth wifi ethernet usb hdmi pdf csv json yaml xml "
    "html css svg unicode ascii utf-8 regex latex markdown vim emacs vscode intellij pycharm eclipse xcode "
    "leaflet mapbox openstreetmap ripgrep fail2ban csvkit tableau qgis autocad solidworks minecraft fortnite "
    "roblox playstation xbox nintendo kindle ipad iphone macbook airpods galaxy pixel tesla mozilla thunderbird "
    "postfix sendmail samba ldap kerberos oauth graphql grpc soap rest bitcoin ethereum litecoin"
)
