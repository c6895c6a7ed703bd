"""Settings: friendly values in, the wire's spellings out."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_asposeocr.api.coerce import boolean
from airflow_provider_asposeocr.api.exceptions import AsposeOcrSettingsError
from airflow_provider_asposeocr.api.languages import LANGUAGE_ALIASES, LANGUAGES
from airflow_provider_asposeocr.api.operations import OPERATIONS, SettingsKind, get_operation
from airflow_provider_asposeocr.api.settings import (
    DSR_CONFIDENCES,
    DSR_MODES,
    RESULT_TYPES,
    TABLE_RESULT_TYPES,
    is_text,
    selected_result_types,
    wire_settings,
)


class Named(StrEnum):
    """Values that a user keeps as an enumeration of their own."""

    FRENCH = "French"
    HOCR = "Hocr"


RECOGNITION = [name for name, operation in OPERATIONS.items() if operation.settings is SettingsKind.OCR]
WITHOUT_SETTINGS = [
    name for name, operation in OPERATIONS.items() if operation.submits and operation.settings is None
]
BOOLEANS = {
    "make_skew_correct": "makeSkewCorrect",
    "make_binarization": "makeBinarization",
    "make_contrast_correction": "makeContrastCorrection",
    "make_upsampling": "makeUpsampling",
    "make_spell_check": "makeSpellCheck",
}


NEEDED: dict[str, Any] = {"RecognizeRegions": {"regions": [[1, 2, 3, 4]]}}
"""Settings without which an operation is refused."""


def wire(operation: str, **settings: Any) -> Any:
    """Return the settings of an operation as they go on the wire, with those that it cannot do without."""
    return wire_settings(get_operation(operation), NEEDED.get(operation, {}) | settings)


@pytest.fixture
def document(contract: Path) -> dict[str, Any]:
    """Return the contract's table."""
    read: dict[str, Any] = json.loads((contract / "operations.json").read_text())
    return read


@pytest.mark.parametrize(
    ("choices", "name"),
    [
        (LANGUAGES, "Language"),
        (DSR_MODES, "DsrMode"),
        (DSR_CONFIDENCES, "DsrConfidence"),
        (RESULT_TYPES, "ResultType"),
        (TABLE_RESULT_TYPES, "ResultTypeTable"),
    ],
)
def test_an_enum_equals_that_of_the_contract(
    choices: tuple[str, ...], name: str, document: dict[str, Any]
) -> None:
    assert list(choices) == document["enums"][name]


def test_speech_takes_what_the_contract_says(document: dict[str, Any]) -> None:
    for name, key in (("language", "LanguageTTS"), ("resultType", "ResultTypeTTS")):
        assert [wire("ConvertTextToSpeech")[name]] == document["enums"][key]


def test_spellings_that_the_service_has_used_before_are_understood(document: dict[str, Any]) -> None:
    aliases = document["enumAliases"]
    for old, new in aliases["Language"].items():
        assert wire("RecognizeImage", language=old)["language"] == new
    for old, new in aliases["DsrMode"].items():
        assert wire("RecognizeImage", dsr_mode=old)["dsrMode"] == new


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Ukrainian", "Ukrainan"),
        ("Belarusian", "Belorussian"),
        ("Kazakh", "Kazah"),
        ("Slovenian", "Slovene"),
        ("Farsi", "Persian"),
        ("Kinyarwanda", "Rwanda"),
        ("Handwritten_English", "HWT_ENG"),
        ("handwritten english", "HWT_ENG"),
        ("HWT_eng", "HWT_ENG"),
        ("Ukrainan", "Ukrainan"),
        ("Dutch", "Dutch"),
        ("Netherlands", "Netherlands"),
        ("german", "German"),
        (" GERMAN ", "German"),
        ("Serbo-Croatian", "Serbo_Croatian"),
        ("serbo croatian", "Serbo_Croatian"),
        (Named.FRENCH, "French"),
    ],
)
def test_language(name: str, sent: str) -> None:
    assert wire("RecognizeImage", language=name)["language"] == sent


def test_every_alias_leads_to_a_language_and_hides_none() -> None:
    names = {name.casefold() for name in LANGUAGES}
    for alias, language in LANGUAGE_ALIASES.items():
        assert alias.casefold() not in names
        assert wire("RecognizeImage", language=alias)["language"] == language


@pytest.mark.parametrize(
    ("wrong", "suggestion"),
    [
        ("Germn", "did you mean German"),
        ("englsh", "did you mean English"),
        ("Ukranian", "Ukrainian"),
        ("Chinese_Simplified", "Chinese"),
        ("Qqqq", "use one of: English"),
    ],
)
def test_a_wrong_language_is_refused_with_a_suggestion(wrong: str, suggestion: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match=suggestion) as caught:
        wire("RecognizeImage", language=wrong)
    assert repr(wrong) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_long_wrong_value_does_not_fill_the_message() -> None:
    with pytest.raises(AsposeOcrSettingsError) as caught:
        wire("RecognizeImage", dsr_mode="x" * 5000)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("given_value", "meaning"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("true", True),
        (" YES ", True),
        ("on", True),
        ("1", True),
        (1, True),
        ("False", False),
        ("false", False),
        ("No", False),
        ("off", False),
        ("0", False),
        (0, False),
    ],
)
@pytest.mark.parametrize("name", BOOLEANS)
def test_a_rendered_truth_value_means_what_it_says(name: str, given_value: Any, meaning: bool) -> None:
    assert wire("RecognizeImage", **{name: given_value})[BOOLEANS[name]] is meaning


@pytest.mark.parametrize("unset", [None, "", "  ", "None", " None "])
@pytest.mark.parametrize(
    "name", [*BOOLEANS, "language", "rotate", "dsr_mode", "dsr_confidence", "result_type"]
)
def test_nothing_means_the_default(name: str, unset: Any) -> None:
    assert wire("RecognizeImage", **{name: unset}) == wire("RecognizeImage")


@pytest.mark.parametrize("wrong", ["maybe", "2", "Truee", [], {}, 2, "none of it"])
def test_what_is_no_truth_value_is_refused(wrong: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="make_binarization must be true or false"):
        wire("RecognizeImage", make_binarization=wrong)


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()))
def test_a_truth_value_is_read_or_refused(value: Any) -> None:
    said = ""
    try:
        read = boolean("it", value, True)
    except AsposeOcrSettingsError as error:
        read, said = None, str(error)
    assert read in (True, False) or said.startswith("it must be true or false")


@pytest.mark.parametrize(
    ("given_value", "sent"),
    [(90, 90), ("90", 90), (" -90 ", -90), (0, None), ("0", None), (None, None), ("", None)],
)
def test_rotation_goes_in_one_spelling_and_only_when_there_is_one(given_value: Any, sent: Any) -> None:
    settings = wire("RecognizeImage", rotate=given_value)
    assert settings.get("Rotate") == sent
    assert ("Rotate" in settings) is (sent is not None)
    assert "rotate" not in settings


@pytest.mark.parametrize("wrong", ["left", "1.5", 1.5, [90]])
def test_what_is_no_whole_number_is_refused(wrong: Any) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="rotate must be a whole number"):
        wire("RecognizeImage", rotate=wrong)


@pytest.mark.parametrize("name", RECOGNITION)
class TestDefaults:
    """What is sent when the user sets nothing."""

    def test_they_are_the_documented_ones(self, name: str, document: dict[str, Any]) -> None:
        row = next(row for row in document["operations"] if row["name"] == name)
        sent = wire(name)
        for field in ("language", *BOOLEANS.values()):
            documented = row["settings"][field]
            assert sent[field] == documented.get("docsDefault", documented.get("default")), field
        if row["resultSelector"]:
            documented = row["settings"][row["resultSelector"]].get("docsDefault")
            assert sent[row["resultSelector"]] == (documented or "Text")

    def test_booleans_language_and_selector_are_sent_and_nothing_else(self, name: str) -> None:
        selector = get_operation(name).result_selector
        expected = {"language", *BOOLEANS.values(), *([selector] if selector else []), *NEEDED.get(name, ())}
        assert set(wire(name)) == expected

    def test_they_are_json(self, name: str) -> None:
        assert json.loads(json.dumps(wire(name))) == wire(name)


def test_the_search_for_text_areas_is_sent_when_it_is_set() -> None:
    settings = wire("RecognizeImage", dsr_mode="craftpoly", dsr_confidence="lowmid")
    assert settings["dsrMode"] == "PolygonalTextDetector"
    assert settings["dsrConfidence"] == "LowMid"


@pytest.mark.parametrize(
    ("operation", "selector", "result_type", "sent"),
    [
        ("RecognizeImage", "resultType", "textandpdf", "TextAndPdf"),
        ("RecognizePdf", "resultType", "JSON", "JSON"),
        ("RecognizeReceipt", "resultType", Named.HOCR, "Hocr"),
        ("RecognizeTable", "resultTypeTable", "csv", "Csv"),
        ("RecognizeTable", "resultTypeTable", "CSVANDEXCEL", "CsvAndExcel"),
    ],
)
def test_the_result_type_goes_where_the_operation_reads_it(
    operation: str, selector: str, result_type: str, sent: str
) -> None:
    settings = wire(operation, result_type=result_type)
    assert settings[selector] == sent
    assert len({"resultType", "resultTypeTable"} & set(settings)) == 1


@pytest.mark.parametrize(
    ("operation", "result_type"),
    [("RecognizeTable", "Pdf"), ("RecognizeImage", "Excel"), ("ConvertTextToSpeech", "Mp3")],
)
def test_a_result_type_of_another_operation_is_refused(operation: str, result_type: str) -> None:
    with pytest.raises(AsposeOcrSettingsError, match="unknown result_type"):
        wire(operation, result_type=result_type)


def test_detection_of_regions_has_no_result_type() -> None:
    with pytest.raises(AsposeOcrSettingsError, match="DetectRegions takes no result_type"):
        wire("DetectRegions", result_type="Text")


@pytest.mark.parametrize(
    "operation", ["ConvertTextToSpeech", "ConvertTextToSpeechTrial", "TextToSpeech/PostTextToSpeech"]
)
def test_speech_sends_language_and_result_type(operation: str) -> None:
    assert wire(operation) == {"language": "English", "resultType": "Wav"}
    assert wire(operation, language="english", result_type="WAV") == wire(operation)
    with pytest.raises(AsposeOcrSettingsError, match="takes no make_binarization, rotate"):
        wire(operation, make_binarization=False, rotate=90)
    with pytest.raises(AsposeOcrSettingsError, match="unknown language 'German'"):
        wire(operation, language="German")


def test_conversion_sends_an_empty_object() -> None:
    assert wire("DjVu2PDF") == {}
    with pytest.raises(AsposeOcrSettingsError, match="DjVu2PDF takes no result_type"):
        wire("DjVu2PDF", result_type="Text")


@pytest.mark.parametrize("operation", WITHOUT_SETTINGS)
def test_an_operation_without_settings_takes_none(operation: str) -> None:
    assert wire(operation) is None
    assert wire(operation, language=None, make_binarization="None") is None
    with pytest.raises(AsposeOcrSettingsError, match="takes no language"):
        wire(operation, language="English")
    with pytest.raises(AsposeOcrSettingsError, match="takes no settings, not even sharpen"):
        wire(operation, sharpen=True)


def test_settings_that_are_not_known_here_go_out_unchanged() -> None:
    settings = wire("RecognizePdf", someNewSetting="None", nothing=None)
    assert settings["someNewSetting"] == "None"
    assert settings["nothing"] is None


def test_a_setting_in_the_spelling_of_the_wire_wins() -> None:
    assert wire("RecognizeImage", makeBinarization=True)["makeBinarization"] is True


def test_no_settings_at_all() -> None:
    assert wire_settings(get_operation("RecognizeImage"), None) == wire("RecognizeImage")


def test_only_what_the_user_gave_counts_as_given() -> None:
    with pytest.raises(AsposeOcrSettingsError, match=r"takes no rotate$"):
        wire("BinarizeImage", language="None", rotate=0, make_upsampling="")


@pytest.mark.parametrize(
    ("operation", "settings", "types"),
    [
        ("RecognizeImage", {}, ("Text",)),
        ("RecognizeImage", {"result_type": "TextAndPdfAndHocr"}, ("Text", "Pdf", "Hocr")),
        ("RecognizeTable", {"result_type": "CsvAndExcel"}, ("Csv", "Excel")),
        ("DetectRegions", {}, ("Other",)),
        ("BinarizeImage", {}, ("ImagePNG",)),
        ("ImageProcessing/PostBinarizationFile", {}, ("ImagePNG",)),
        ("DjVu2PDF", {}, ("Pdf",)),
        ("ConvertTextToSpeech", {}, ("Wav",)),
    ],
)
def test_the_types_that_an_operation_answers_with(
    operation: str, settings: dict[str, Any], types: tuple[str, ...]
) -> None:
    assert selected_result_types(get_operation(operation), wire(operation, **settings)) == types


@pytest.mark.parametrize(
    ("result_type", "text"),
    [
        ("Text", True),
        ("TEXT", True),
        ("Hocr", True),
        ("JSON", True),
        ("json", True),
        ("Csv", True),
        ("Other", True),
        ("Pdf", False),
        ("Excel", False),
        ("ImagePNG", False),
        ("WavFile", False),
        ("SomethingNew", False),
    ],
)
def test_which_results_are_text(result_type: str, text: bool) -> None:
    assert is_text(result_type) is text
