"""Which of the service's languages the emulator's engine reads."""

from __future__ import annotations

from airflow_provider_asposeocr.api.languages import Language

_UNREADABLE = frozenset(
    {
        # Cyrillic
        *(Language.RUSSIAN, Language.UKRAINAN, Language.BULGARIAN, Language.KAZAH, Language.MACEDONIAN),
        *(Language.BELORUSSIAN, Language.CHECHEN, Language.KABARDIAN),
        # Arabic
        *(Language.ARABIC, Language.URDU, Language.PERSIAN, Language.GILAKI, Language.UYGHUR),
        # Han and Kana
        *(Language.CHINESE, Language.JAPANESE, Language.MIN_BEI, Language.MIN_DONG, Language.MIN_NAN),
        *(Language.PU_XIAN, Language.WU, Language.CANTONESE, Language.XIANG, Language.HAKKA, Language.GAN),
        # Devanagari
        *(Language.HINDI, Language.MARATHI, Language.BHOJPURI, Language.MAITHILI, Language.AWADHI),
        *(Language.NEPALI, Language.MARWARI, Language.MAGAHI, Language.HARYANVI, Language.CHATTISGARHI),
        *(Language.DHUNDARI, Language.KONKANI, Language.KANAUJI, Language.MEWATI, Language.RAJBANSHI),
        *(Language.GARHWALI, Language.KUMAUNI, Language.WAGDI, Language.MALVI, Language.MEWARI),
        *(Language.LAMANI, Language.DEVANAGARI),
        # other scripts of their own
        *(
            Language.BENGALI,
            Language.TIBETAN,
            Language.THAI,
            Language.KOREAN,
            Language.HEBREW,
            Language.GREEK,
        ),
        *(Language.GEORGIAN, Language.TELUGU, Language.KANNADA, Language.TAMIL),
        # Latin with letters that the engine's alphabet lacks
        *(Language.VIETNAMESE, Language.MUONG, Language.YORUBA),
    }
)


def is_readable(language: str) -> bool:
    """Tell whether the engine reads a language.

    :param language: in the wire's spelling.
    """
    return language not in _UNREADABLE
