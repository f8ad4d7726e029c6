"""What a model's owner says of its quality beats what its name tells, from the configuration to the table."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.quality import prior
from node.backends.configured import from_provider
from node.services import OwnOffer
from tests.two_islands import OFFER, OwnModel
from tests.unit.test_config import PROVIDER, loaded
from tests.walls.test_tier_of_offers import HOMES, Fixed, surveyed


@pytest.mark.parametrize(("said", "expected"), [("quality = 0.9\n", 0.9), ("quality = 0\n", 0.0), ("", None)])
async def test_a_providers_model_has_the_quality_that_is_configured_and_else_none(
    said: str, expected: float | None
) -> None:
    (config,) = loaded(PROVIDER.replace("quality = 0.9\n", said), CLOUD_API_KEY="k").providers
    (model,) = await from_provider(config).models()
    assert model.quality == expected


async def test_what_the_owner_says_beats_the_name_and_a_peers_model_has_its_names(tmp_path: Path) -> None:
    first, second = OwnModel(model="qwen2.5:7b"), OwnModel(model="other-7b")
    own = Fixed(OwnOffer(first, replace(first.offered, quality=0.11)), OwnOffer(second, second.offered))
    async with surveyed(tmp_path, own, offers=(replace(OFFER, model="llama3:70b"),)) as here:
        rows = await here.rows()
    assert rows["laptop/qwen2.5:7b"].quality == 0.11
    assert rows["laptop/other-7b"].quality == prior("other-7b")
    assert rows["home/llama3:70b"].quality == prior("llama3:70b") > prior("other-7b")
    assert HOMES not in rows
