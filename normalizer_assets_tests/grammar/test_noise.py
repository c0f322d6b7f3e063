import polars as pl

from normalizer_assets.grammar.noise import without_noise


def cleaned(text: str, *noise_words: str) -> str:
    return str(pl.DataFrame({"t": [text]}).select(without_noise(pl.col("t"), noise_words)).item())


def test_noise_is_removed_whole_words_only() -> None:
    assert cleaned("envio gratis! iphone 15 liberado").split() == ["iphone", "15"]
    assert cleaned("nuevosol") == "nuevosol"


def test_a_text_of_noise_alone_stays_whole() -> None:
    assert cleaned("oferta envio gratis") == "oferta envio gratis"


def test_a_users_noise_words_are_removed_in_any_spelling() -> None:
    assert cleaned("solo hoy iphone", "Sólo HOY").split() == ["iphone"]
