"""What is wrong in the configuration is said with its place, its key and a remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from normalizer_assets.config import (
    DEFAULT_CONFIG_FILE,
    ConfigurationError,
    NormalizerConfig,
    config_file,
    load_config,
)

SHIPPED = (Path(__file__).parents[1] / DEFAULT_CONFIG_FILE).read_text(encoding="utf-8")

Load = Callable[..., NormalizerConfig]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the shipped file after one replacement, with variables."""

    def load(
        old: str = "", new: str = "", variables: dict[str, str] | None = None
    ) -> NormalizerConfig:
        assert old in SHIPPED
        file = tmp_path / "my.toml"
        file.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
        return load_config({"NORMALIZER_CONFIG": str(file), **(variables or {})})

    return load


def test_the_shipped_file_is_valid_and_has_the_default_retailers(load: Load) -> None:
    config = load()
    assert list(config.retailers) == [
        "falabella", "paris", "ripley", "lider", "jumbo", "santa_isabel", "tottus", "unimarc",
        "pcfactory", "hites", "la_polar", "sodimac", "salcobrand",
    ]  # fmt: skip
    assert config.first_day.isoformat() == "2021-01-01"
    assert config.batching.min_products == 100
    assert config.batching.deadline_hours == 26
    assert config.batching.second_round_min_hours == 1
    assert (config.canary.size, config.canary.min_products) == (20, 1000)
    assert config.canary.min_share_valid == 0.9
    assert 0 < config.budget.partition_usd <= config.budget.day_usd
    assert config.polling.interval_seconds == 60
    assert config.model_of("mini") is config.models["gpt-5-mini"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[tiers.mini]\n",
            '[tiers.mini]\nmodle = "x"\n',
            "my.toml: unknown key `tiers.mini.modle`; did you mean `model`?",
        ),
        ("[paths]", "[path]", "my.toml: unknown key `path`; did you mean `paths`?"),
        ("[paths]", "[xyz]", "my.toml: unknown key `xyz`; remove it"),
        (
            "smartphones = 0.75",
            "phones = 0.75",
            "my.toml: unknown key `router.category_complexity.phones`; did you mean `headphones`?",
        ),
        (
            "smartphones = 0.75",
            "smartphones = 7.5",
            (
                "my.toml: `router.category_complexity.smartphones`: Input should be less than or "
                "equal to 1 (given: 7.5)"
            ),
        ),
        (
            'model = "gpt-5-mini"',
            'model = "gpt-9"',
            (
                "my.toml: `tiers.mini.model` names the model 'gpt-9', which is not in the model "
                'table; add a section [models."gpt-9"]'
            ),
        ),
        (
            'lider = { name = "Lider" }',
            'lider = { name = "Lider", source = "lidr" }',
            (
                "my.toml: `retailers.lider.source` names the source 'lidr', which is not declared; "
                "add a section [sources.lidr]"
            ),
        ),
        (
            'lider = { name = "Lider" }',
            'lider = "Lider"',
            (
                "my.toml: `retailers.lider`: expected a section with keys, write [retailers.lider] "
                "(given: 'Lider')"
            ),
        ),
        (
            'lider = { name = "Lider" }',
            "lider = {}",
            "my.toml: `retailers.lider.name` is missing; add it",
        ),
        (
            "[sources.landing]",
            '[sources.landing]\nsql = "select 1"',
            "my.toml: `sources.landing`: give either `path` or `sql`, not both and not neither",
        ),
        (
            "answer_tokens = 250",
            'answer_tokens = 250\nresponse_format = "json_objct"',
            (
                "my.toml: `tiers.mini.response_format`: Input should be 'json_object' or 'text' "
                "(given: 'json_objct'); did you mean `json_object`?"
            ),
        ),
        (
            'data = "data"',
            "data = 5",
            "my.toml: `paths.data`: Input should be a valid string (given: 5)",
        ),
        (
            "medium_from = 0.30",
            "medium_from = 0.90",
            "my.toml: `router`: `medium_from` must not be above `complex_from`",
        ),
        (
            "first_day = 2021-01-01",
            'first_day = "ayer"',
            (
                "my.toml: `first_day`: Input should be a valid date or datetime, input is too "
                "short (given: 'ayer')"
            ),
        ),
        (
            'successor = "gpt-6-luna"',
            'successor = "gpt-7"',
            (
                "my.toml: `models.\"gpt-5-mini\".successor` names 'gpt-7', which is not in the "
                'model table; add a section [models."gpt-7"]'
            ),
        ),
        (
            "flex = true",
            'flex = true\nwhen_gone = "stop"',
            (
                "my.toml: `models.gpt-5.when_gone`: Input should be 'successor' or 'fail' "
                "(given: 'stop')"
            ),
        ),
        (
            "partition_usd = 50.0",
            "partition_usd = -1",
            (
                "my.toml: `budget.partition_usd`: Input should be greater than or equal to 0 "
                "(given: -1)"
            ),
        ),
        (
            "size = 20",
            "sise = 20",
            "my.toml: unknown key `canary.sise`; did you mean `size`?",
        ),
        (
            "[paths]",
            "[batching]\ncreations_per_hour = 2001\n\n[paths]",
            (
                "my.toml: `batching.creations_per_hour`: Input should be less than or equal to "
                "2000 (given: 2001)"
            ),
        ),
        (
            "[retailers]",
            "[retailers",
            "my.toml is not valid TOML: Expected ']' at the end of a table declaration",
        ),
    ],
)
def test_a_wrong_file_is_explained_with_file_key_and_remedy(
    load: Load, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(old, new)
    assert str(caught.value).startswith(message)


def test_every_wrong_key_has_its_line(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("[paths]", "paths = 3\n[pats]")
    assert str(caught.value).splitlines() == [
        "my.toml: `paths`: expected a section with keys, write [paths] (given: 3)",
        "my.toml: unknown key `pats`; did you mean `paths`?",
    ]


def test_a_missing_tier_is_named(load: Load) -> None:
    legacy = SHIPPED[SHIPPED.index("[tiers.legacy]") : SHIPPED.index("# --- which listings")]
    with pytest.raises(ConfigurationError, match=r"^my\.toml: no section for the tier\(s\) legacy"):
        load(legacy, "")


def test_an_unknown_tier_is_named(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"my\.toml: unknown key `tiers\.maxi`"):
        load("[tiers.legacy]", "[tiers.maxi]")


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.toml"
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml; create it, or set NORMALIZER_CO"):
        config_file({"NORMALIZER_CONFIG": str(missing)})


def test_the_working_folder_has_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = config_file({})
    (tmp_path / DEFAULT_CONFIG_FILE).write_text(SHIPPED, encoding="utf-8")
    assert config_file({}) == (tmp_path / DEFAULT_CONFIG_FILE).resolve()
    assert shipped == (Path(__file__).parents[1] / DEFAULT_CONFIG_FILE).resolve()


def test_every_key_can_be_overridden_in_the_environment(load: Load) -> None:
    config = load(
        variables={
            "NORMALIZER__BATCHING__MIN_PRODUCTS": "20",
            "NORMALIZER__FIRST_DAY": "2024-01-01",
            "NORMALIZER__POLLING__INTERVAL_SECONDS": "0.5",
            "NORMALIZER__TIERS__MINI__MODEL": "gpt-5",
            "NORMALIZER__RETAILERS__ABCDIN__NAME": "Abcdin",
            "NORMALIZER__GRAMMAR__NOISE_WORDS": '["oferta", "liquidacion"]',
            "NORMALIZER__CONFIDENCE__THRESHOLDS__PERFUMES": "0.9",
        }
    )
    assert config.batching.min_products == 20
    assert config.first_day.isoformat() == "2024-01-01"
    assert config.polling.interval_seconds == 0.5
    assert config.tiers["mini"].model == "gpt-5"
    assert config.retailers["abcdin"].name == "Abcdin"
    assert config.grammar.noise_words == ("oferta", "liquidacion")
    assert config.confidence.thresholds == {"perfumes": 0.9}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"NORMALIZER__BATCHING__MIN_PRODUCTS": "-3"},
            (
                "NORMALIZER__BATCHING__MIN_PRODUCTS: `batching.min_products`: Input should be "
                "greater than or equal to 0 (given: -3)"
            ),
        ),
        (
            {"NORMALIZER__BATCHING__MIN_PRODUCT": "3"},
            (
                "NORMALIZER__BATCHING__MIN_PRODUCT: unknown key `batching.min_product`; did you "
                "mean `min_products`?"
            ),
        ),
        (
            {"NORMALIZER__TIERS__MINI__MODEL": "gpt-9"},
            (
                "NORMALIZER__TIERS__MINI__MODEL: `tiers.mini.model` names the model 'gpt-9', which "
                'is not in the model table; add a section [models."gpt-9"]'
            ),
        ),
        (
            {"NORMALIZER__RETAILERS__LIDER__SOURCE": "lidr"},
            "NORMALIZER__RETAILERS__LIDER__SOURCE: `retailers.lider.source` names the source",
        ),
        (
            {"NORMALIZER__ROUTER__MEDIUM_FROM": "0.9", "NORMALIZER__ROUTER__TERMS_SATURATION": "5"},
            "NORMALIZER__ROUTER__MEDIUM_FROM: `router`: `medium_from` must not be above",
        ),
        (
            {"NORMALIZER__POLLING": "3"},
            "NORMALIZER__POLLING: `polling`: expected a section with keys",
        ),
        (
            {"NORMALIZER__FIRST_DAY__YEAR": "2024"},
            "NORMALIZER__FIRST_DAY__YEAR: `first_day` is a value, not a section",
        ),
    ],
)
def test_an_error_in_the_environment_names_the_variable(
    load: Load, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(variables=variables)
    assert str(caught.value).startswith(message)


def test_an_error_in_the_file_is_not_put_on_a_variable(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"^my\.toml: unknown key `batching\.min_product`"):
        load(
            "[router]\n",
            "[batching]\nmin_product = 3\n\n[router]\n",
            {"NORMALIZER__BATCHING__PREFERRED_LINES": "50"},
        )


def test_every_model_that_is_announced_to_go_has_a_successor(load: Load) -> None:
    table = load().models
    announced = {name for name, model in table.items() if model.shutdown is not None}
    assert announced == {"gpt-5", "gpt-5-mini", "gpt-4o-mini"}
    for name in announced:
        successor = table[name].successor
        assert successor is not None
        assert table[successor].shutdown is None
        assert table[name].when_gone == "successor"


def test_keys_of_a_deadline_may_be_fractions(load: Load) -> None:
    config = load(
        variables={
            "NORMALIZER__BATCHING__DEADLINE_HOURS": "0.01",
            "NORMALIZER__BUDGET__DAY_USD": "0.5",
            "NORMALIZER__BUDGET__PARTITION_USD": "0",
            "NORMALIZER__CANARY__MIN_PRODUCTS": "0",
        }
    )
    assert config.batching.deadline_hours == 0.01
    assert (config.budget.day_usd, config.budget.partition_usd) == (0.5, 0)
    assert config.canary.min_products == 0


def test_relative_folders_of_the_file_lie_beside_it(load: Load, tmp_path: Path) -> None:
    paths = load().paths
    assert paths.data == str(tmp_path / "data")
    assert paths.landing == str(tmp_path / "data" / "landing")
    assert paths.storage == str(tmp_path / "data" / "storage")


def test_folders_of_the_environment_lie_in_the_working_folder(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    paths = load(
        variables={"NORMALIZER_LANDING": "here", "NORMALIZER_STORAGE": "s3://bucket/store"}
    ).paths
    assert paths.landing == str(working / "here")
    assert paths.storage == "s3://bucket/store"
