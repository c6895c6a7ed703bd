"""Speech by eSpeak NG: English text in, samples out.

eSpeak NG and its data, which come with the package espeakng-loader, are licensed under the GPL, version 3.
They are not part of the extra ``[emulator]``: whoever wants speech installs the extra ``[speech]``.
"""

from __future__ import annotations

import ctypes
import functools
import re
from dataclasses import dataclass

from airflow_provider_asposeocr.emulator.limits import MAX_RESULT_BYTES, check_result_size

BYTES_PER_SAMPLE = 2

_MISSING = (
    "The emulator speaks with eSpeak NG, which is not installed, since it is licensed under the GPL. "
    'Install it with: pip install "airflow-provider-asposeocr[speech]"'
)
_NOT_STARTED = "eSpeak NG cannot be started; the path of its data may be too long for it (160 characters)."
_VOICE = b"en-us"
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_BY_CHARACTER = 1
_UTF_8, _END_PAUSE = 1, 0x1000
"""Flags of a synthesis. Without others, marks of SSML and of phonemes are read aloud like any text."""

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Some of these characters begin commands of eSpeak NG, which change its voice."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class SpeechUnavailableError(Exception):
    """Raised where eSpeak NG is not installed or does not start."""


@dataclass(frozen=True)
class Recording:
    """Spoken text, in one channel.

    :param samples: signed numbers of 16 bits in the byte order of the machine.
    :param rate: samples per second.
    """

    samples: bytes
    rate: int


def speak(text: str) -> Recording:
    """Read a text aloud.

    :param text: plain text; control characters count as spaces.
    :raises SpeechUnavailableError: without eSpeak NG.
    :raises LimitExceededError: if the recording would be larger than a result may be.
    """
    library, rate = _start()
    samples = bytearray()

    def receive(start: int | None, count: int, events: int | None) -> int:
        if start:
            samples.extend(ctypes.string_at(start, count * BYTES_PER_SAMPLE))
        return int(len(samples) > MAX_RESULT_BYTES)  # 1 ends the synthesis

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    spoken = _CONTROLS.sub(" ", text).encode()
    size = ctypes.c_size_t(len(spoken) + 1)
    library.espeak_Synth(spoken, size, 0, _BY_CHARACTER, 0, _UTF_8 | _END_PAUSE, None, None)
    check_result_size("WavFile", len(samples))
    return Recording(bytes(samples), rate)


@functools.lru_cache(1)
def _start() -> tuple[ctypes.CDLL, int]:
    """Load the library, once per process, and return it with its samples per second."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise SpeechUnavailableError(_MISSING) from error
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        rate: int = library.espeak_Initialize(
            _SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _DO_NOT_EXIT
        )
    except (OSError, RuntimeError) as error:
        raise SpeechUnavailableError(_NOT_STARTED) from error
    if rate <= 0 or library.espeak_SetVoiceByName(_VOICE) != 0:
        raise SpeechUnavailableError(_NOT_STARTED)
    return library, rate
