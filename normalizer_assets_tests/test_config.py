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
    assert config.batching.accumulate is False
    assert config.batching.accumulate_products == 1000
    assert config.batching.second_round_min_hours == 1
    assert (config.canary.size, config.canary.min_products) == (20, 1000)
    assert config.canary.min_share_valid == 0.9
    assert 0 < config.budget.partition_usd <= config.budget.day_usd
    assert config.polling.interval_seconds == 60
    assert config.model_of("mini") is config.models["gpt-5-mini"]


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        (
            "[tiers.mini]\n",
            '[tiers.mini]\nmodle = "x"\n',
            "modle",
            "unknown key `tiers.mini.modle`; did you mean `model`?",
        ),
        ("[paths]", "[path]", "[path]", "unknown key `path`; did you mean `paths`?"),
        ("[paths]", "[xyz]", "[xyz]", "unknown key `xyz`; remove it"),
        (
            "smartphones = 0.75",
            "phones = 0.75",
            "phones",
            "unknown key `router.category_complexity.phones`; did you mean `headphones`?",
        ),
        (
            "smartphones = 0.75",
            "smartphones = 7.5",
            "smartphones",
            (
                "`router.category_complexity.smartphones`: Input should be less than or "
                "equal to 1 (given: 7.5)"
            ),
        ),
        (
            'model = "gpt-5-mini"',
            'model = "llama"',
            'model = "llama"',
            (
                "`tiers.mini.model` names the model 'llama', which is not in the model table; "
                'add a section [models."llama"]'
            ),
        ),
        (
            'model = "gpt-5-mini"',
            'model = "gpt5-mini"',
            'model = "gpt5-mini"',
            (
                "`tiers.mini.model` names the model 'gpt5-mini', which is not in the model table; "
                'did you mean `gpt-5-mini`? Else add a section [models."gpt5-mini"]'
            ),
        ),
        (
            "[paths]",
            '[embedding]\nmodel = "text-embedding-3-smal"\n\n[paths]',
            'model = "text',
            (
                "`embedding.model` names the model 'text-embedding-3-smal', which is not in the "
                "model table; did you mean `text-embedding-3-small`? Else add a section"
            ),
        ),
        (
            'successor = "gpt-6-luna"',
            'successor = "gpt-6-lune"',
            'successor = "gpt-6-lune"',
            (
                "`models.\"gpt-5-mini\".successor` names 'gpt-6-lune', which is not in the "
                'model table; did you mean `gpt-6-luna`? Else add a section [models."gpt-6-lune"]'
            ),
        ),
        (
            'lider = { name = "Lider" }',
            'lider = { name = "Lider", source = "shop" }',
            "lider",
            (
                "`retailers.lider.source` names the source 'shop', which is not declared; "
                "add a section [sources.shop]"
            ),
        ),
        (
            'lider = { name = "Lider" }',
            'lider = { name = "Lider", source = "landed" }',
            "lider",
            (
                "`retailers.lider.source` names the source 'landed', which is not declared; "
                "did you mean `landing`? Else add a section [sources.landed]"
            ),
        ),
        (
            "[router.full_shares]",
            "[router.full_shares]\nfalabela = 0.08",
            "falabela = 0.08",
            (
                "`router.full_shares.falabela` names a retailer that is not declared; did you "
                "mean `falabella`? Else add a section [retailers.falabela]"
            ),
        ),
        (
            "[router.full_shares]",
            "[router.full_shares]\nfalabella = 8",
            "falabella = 8",
            "`router.full_shares.falabella`: Input should be less than or equal to 1 (given: 8)",
        ),
        (
            'lider = { name = "Lider" }',
            'lider = "Lider"',
            "lider",
            (
                "`retailers.lider`: expected a section with keys, write [retailers.lider] "
                "(given: 'Lider')"
            ),
        ),
        (
            'lider = { name = "Lider" }',
            "lider = {}",
            "lider",
            "`retailers.lider.name` is missing; add it",
        ),
        (
            'system = "Experto en productos retail CL. JSON only."',
            "",
            "[tiers.mini]",
            "`tiers.mini.system` is missing; add it",
        ),
        (
            "[sources.landing]",
            '[sources.landing]\nsql = "select 1"',
            'path = "{day}',
            "`sources.landing`: give either `path` or `sql`, not both and not neither",
        ),
        (
            "answer_tokens = 250",
            'answer_tokens = 250\nresponse_format = "json_objct"',
            "response_format",
            "`tiers.mini.response_format`: Input should be 'json_object'",
        ),
        (
            'data = "data"',
            "data = 5",
            "data",
            "`paths.data`: Input should be a valid string (given: 5)",
        ),
        (
            "medium_from = 0.30",
            "medium_from = 0.90",
            "medium_from",
            "`router`: `medium_from` must not be above `complex_from`",
        ),
        (
            "first_day = 2021-01-01",
            'first_day = "ayer"',
            "first_day",
            (
                "`first_day`: Input should be a valid date or datetime, input is too "
                "short (given: 'ayer')"
            ),
        ),
        (
            "flex = true",
            'flex = true\nwhen_gone = "stop"',
            "when_gone",
            "`models.gpt-5.when_gone`: Input should be 'successor' or 'fail' (given: 'stop')",
        ),
        (
            '[models."gpt-5.5"]',
            '[models."gpt-5.5"]\nreasonin_effort = "none"',
            "reasonin_effort",
            'unknown key `models."gpt-5.5".reasonin_effort`; did you mean `reasoning_effort`?',
        ),
        (
            'reasoning_effort = "minimal"',
            'reasoning_effort = "none"',
            'reasoning_effort = "none"',
            (
                "`models.gpt-5`: `reasoning_effort` is 'none', which is not one of `efforts` "
                "(minimal, low, medium, high)"
            ),
        ),
        (
            'efforts = ["minimal", "low", "medium", "high"]',
            'efforts = ["minimum", "low"]',
            'efforts = ["minimum", "low"]',
            "`models.gpt-5.efforts.0`: Input should be 'none', 'minimal', 'low'",
        ),
        (
            'reasoning_effort = "minimal"',
            'reasoning_effort = "minimal"\ntemperature = true',
            "temperature = true",
            (
                "`models.gpt-5`: `temperature` is accepted only where `reasoning_effort` is left "
                "out or 'none'"
            ),
        ),
        (
            "partition_usd = 50.0",
            "partition_usd = -1",
            "partition_usd",
            "`budget.partition_usd`: Input should be greater than or equal to 0 (given: -1)",
        ),
        ("size = 20", "sise = 20", "sise", "unknown key `canary.sise`; did you mean `size`?"),
        (
            "[batching]",
            "[batching]\ncreations_per_hour = 2001",
            "creations_per_hour",
            (
                "`batching.creations_per_hour`: Input should be less than or equal to "
                "2000 (given: 2001)"
            ),
        ),
    ],
)
def test_a_wrong_file_is_explained_with_line_key_and_remedy(
    load: Load, old: str, new: str, at: str, message: str
) -> None:
    lines = SHIPPED.replace(old, new, 1).splitlines()
    [line, *_] = [number for number, text in enumerate(lines, 1) if text.startswith(at)]
    with pytest.raises(ConfigurationError) as caught:
        load(old, new)
    assert str(caught.value).startswith(f"my.toml, line {line}: {message}")


def test_every_wrong_key_has_its_place(load: Load) -> None:
    line = SHIPPED.splitlines().index("[paths]") + 1
    with pytest.raises(ConfigurationError) as caught:
        load("[paths]", "paths = 3\n[pats]")
    assert str(caught.value).splitlines() == [
        f"my.toml, line {line}: `paths`: expected a section with keys, write [paths] (given: 3)",
        f"my.toml, line {line + 1}: unknown key `pats`; did you mean `paths`?",
    ]


def test_a_missing_tier_is_named(load: Load) -> None:
    legacy = SHIPPED[SHIPPED.index("[tiers.legacy]") : SHIPPED.index("# --- which listings")]
    line = SHIPPED.splitlines().index("[tiers.mini]") + 1
    with pytest.raises(
        ConfigurationError, match=rf"^my\.toml, line {line}: `tiers` has no section for legacy"
    ):
        load(legacy, "")


def test_an_unknown_tier_is_named(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"line \d+: unknown key `tiers\.maxi`"):
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
            {"NORMALIZER__TIERS__MINI__MODEL": "llama"},
            (
                "NORMALIZER__TIERS__MINI__MODEL: `tiers.mini.model` names the model 'llama', which "
                'is not in the model table; add a section [models."llama"]'
            ),
        ),
        (
            {"NORMALIZER__MODELS__GPT-5__SUCCESSOR": "gpt-6-soll"},
            (
                'NORMALIZER__MODELS__GPT-5__SUCCESSOR: `models."gpt-5".successor` names '
                "'gpt-6-soll', which is not in the model table; did you mean `gpt-6-sol`?"
            ),
        ),
        (
            {"NORMALIZER__ROUTER__FULL_SHARES__LIDR": "0.1"},
            (
                "NORMALIZER__ROUTER__FULL_SHARES__LIDR: `router.full_shares.lidr` names a retailer "
                "that is not declared; did you mean `lider`?"
            ),
        ),
        (
            {"NORMALIZER__TIERS__LEGACY__LISTINGS_PER_REQUEST": "10"},
            (
                "NORMALIZER__TIERS__LEGACY__LISTINGS_PER_REQUEST: "
                "`tiers.legacy.listings_per_request` must be 1: legacy is only asked individually"
            ),
        ),
        (
            {"NORMALIZER__TIERS__MINI__LISTINGS_PER_REQUEST": "51"},
            (
                "NORMALIZER__TIERS__MINI__LISTINGS_PER_REQUEST: `tiers.mini.listings_per_request`: "
                "Input should be less than or equal to 50 (given: 51)"
            ),
        ),
        (
            {"NORMALIZER__RETAILERS__ABCDIN__SOURCE": "landing"},
            "NORMALIZER__RETAILERS__ABCDIN__SOURCE: `retailers.abcdin.name` is missing; add it",
        ),
        (
            {"NORMALIZER__ROUTER__COMPLEX_FROM": "0.1"},
            "NORMALIZER__ROUTER__COMPLEX_FROM: `router`: `medium_from` must not be above",
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
    with pytest.raises(
        ConfigurationError, match=r"^my\.toml, line \d+: unknown key `batching\.min_prod"
    ):
        load(
            "[batching]\n",
            "[batching]\nmin_product = 3\n",
            {"NORMALIZER__BATCHING__PREFERRED_LINES": "50"},
        )


def test_every_model_that_is_announced_to_go_has_a_successor(load: Load) -> None:
    table = load().models
    announced = {name for name, model in table.items() if model.shutdown is not None}
    assert announced == {"gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4o-mini"}
    for name in announced:
        successor = table[name].successor
        assert successor is not None
        assert table[successor].shutdown is None
        assert table[name].when_gone == "successor"


PRICES = {
    "gpt-5": (1.25, 0.125, 10),
    "gpt-5.1": (1.25, 0.125, 10),
    "gpt-5-mini": (0.25, 0.025, 2),
    "gpt-5-nano": (0.05, 0.005, 0.40),
    "gpt-4o-mini": (0.15, 0.075, 0.60),
    "text-embedding-3-small": (0.02, None, 0),
    "gpt-5.2": (1.75, 0.175, 14),
    "gpt-5.4": (2.5, 0.25, 15),
    "gpt-5.4-mini": (0.75, 0.075, 4.5),
    "gpt-5.4-nano": (0.2, 0.02, 1.25),
    "gpt-5.5": (5, 0.5, 30),
    "gpt-5.6-sol": (4, 0.4, 20),
    "gpt-5.6-terra": (2, 0.2, 12),
    "gpt-5.6-luna": (0.2, 0.02, 1.2),
    "gpt-6-luna": (0.10, 0.01, 0.50),
    "gpt-6-sol": (2, 0.2, 10),
    "gpt-6.1-sol": (2, 0.1, 10),
    "gpt-6.1-terra": (1, 0.05, 5),
    "gpt-6-astra": (10, 1, 50),
}
"""USD per million tokens in, cached and out (facts/openai_batch.md, section 3)."""


def test_prices_are_those_that_were_collected_and_a_batch_costs_half(load: Load) -> None:
    table = load().models
    collected = {
        name: (model.input_usd, model.cached_input_usd, model.output_usd)
        for name, model in table.items()
    }
    assert collected == PRICES
    assert {model.batch_factor for model in table.values()} == {0.5}


def test_each_generation_is_sent_its_own_lowest_effort(load: Load) -> None:
    sent = {name: model.reasoning_effort for name, model in load().models.items()}
    unreasoning = {"gpt-4o-mini", "text-embedding-3-small"}
    no_way_around_reasoning = {"gpt-6.1-sol", "gpt-6-astra"}
    assert {name for name, effort in sent.items() if effort is None} == unreasoning
    assert {name for name, effort in sent.items() if effort == "low"} == no_way_around_reasoning
    assert {name for name, effort in sent.items() if effort == "minimal"} == {
        "gpt-5", "gpt-5-mini", "gpt-5-nano",
    }  # fmt: skip


def test_a_model_that_reasons_has_room_for_it(load: Load) -> None:
    for model in load().models.values():
        if model.reasoning_effort in ("minimal", "low"):
            assert model.reasoning_allowance > model.reasoning_estimate > 0


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


# --- alerts ---------------------------------------------------------------------------

EMAIL = {
    "NORMALIZER__ALERTS__CHANNELS": '["email"]',
    "NORMALIZER__ALERTS__EMAIL__HOST": "smtp.example.com",
    "NORMALIZER__ALERTS__EMAIL__SENDER": "alerts@example.com",
    "NORMALIZER__ALERTS__EMAIL__RECIPIENTS": '["ana@example.com"]',
}


@pytest.mark.parametrize("missing", ["host", "sender", "recipients"])
def test_email_needs_its_addresses(load: Load, missing: str) -> None:
    assert load(variables=EMAIL).alerts.email.port == 587
    some = {name: value for name, value in EMAIL.items() if not name.endswith(missing.upper())}
    with pytest.raises(ConfigurationError, match=f"which needs `email.{missing}`"):
        load(variables=some)


def test_a_password_is_not_sent_in_the_clear(load: Load) -> None:
    user = {"NORMALIZER__ALERTS__EMAIL__USER": "alerts"}
    assert load(variables=user).alerts.email.security == "starttls"
    with pytest.raises(ConfigurationError, match="a password is not sent in the clear"):
        load(variables=user | {"NORMALIZER__ALERTS__EMAIL__SECURITY": "none"})


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("WEBHOOK__URL_VARIABLE", "https://hooks.example/services/secretWord"),
        ("EMAIL__PASSWORD_VARIABLE", "correct horse secretWord"),
        ("WEBHOOK__URL", "https://hooks.example/services/secretWord"),
        ("EMAIL__PASSWORD", "secretWord"),
    ],
)
def test_a_secret_in_the_settings_is_refused_without_repeating_it(
    load: Load, key: str, secret: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(variables={f"NORMALIZER__ALERTS__{key}": secret})
    assert "secretWord" not in str(refused.value)
