"""The languages that recognition accepts, in the spellings of the wire."""

from __future__ import annotations

_NAMES = """
    English German French Italian Spanish Portuguese Polish Slovene Slovak Netherlands Lithuanian Latvian
    Danish Norwegian Finnish Serbian Croatian Czech Swedish Estonian Romanian Chinese Russian Arabic Hindi
    Ukrainan Bengali Tibetan Thai Urdu Turkish Korean Indonesian Hebrew Javanese Greek Japanese Persian
    Albanian Latin Vietnamese Uzbek Georgian Bulgarian Azerbaijani Kazah Macedonian Belorussian Malay Hausa
    Sundanese Swahili Tagalog Yoruba Oromo Cebuano Dutch Kurdish Serbo_Croatian Malagasy Zhuang Turkmen Somali
    Hungarian Chichewa Rwanda Min_Bei Zulu Ilocano Min_Dong Quechua Hiligaynon Hmong Shona Xhosa Betawi
    Catalan Afrikaans Minangkabau Sotho_Southern Bikol Makua Kanuri Tswana Kikongo Luo Sukuma Tsonga Bosnian
    Bemba Nandi Palembang Umbundu Sotho_Northern Waray_Waray Lamani Low_German Gilaki Musi HWT_ENG Pu_Xian
    Kapampangan Bouyei Galician Ndebele Yao Sasak Swati Gusii Meru Wolaytta Dong Pangasinan Dimli Makassar
    Tumbuka Serer_Sine Occitan Tonga Muong Kiche Luguru Wu Cantonese Min_Nan Xiang Hakka Gan Chechen Kabardian
    Marathi Bhojpuri Maithili Awadhi Nepali Marwari Magahi Haryanvi Chattisgarhi Dhundari Konkani Kanauji
    Mewati Rajbanshi Garhwali Kumauni Wagdi Malvi Mewari Uyghur Telugu Kannada Tamil Devanagari
"""

LANGUAGES = tuple(_NAMES.split())
"""All of them, in the order of the vendor's documentation."""

LANGUAGE_ALIASES = {
    "Ukrainian": "Ukrainan",
    "Belarusian": "Belorussian",
    "Kazakh": "Kazah",
    "Slovenian": "Slovene",
    "Farsi": "Persian",
    "Kinyarwanda": "Rwanda",
    "Handwritten_English": "HWT_ENG",
}
"""Common names of languages that the wire spells in another way."""
