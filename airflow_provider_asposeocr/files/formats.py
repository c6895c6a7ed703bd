"""Formats of files by their first bytes: what an operation reads, and the name of what none does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum, auto
from typing import IO

from airflow_provider_asposeocr.api.operations import Operation
from airflow_provider_asposeocr.files.markup import is_unfinished, text_format
from airflow_provider_asposeocr.files.tiff import TiffLook, look_at_tiff

HEAD_BYTES = 4096
"""Bytes from which a format is told."""

MAX_PROLOGUE_BYTES = 256 * 1024
"""Bytes that are read of markup whose first element comes later than that."""

_MAX_WHOLE_TIFF = 256 * 1024
"""Bytes of a TIFF that is read at once, which is faster than part by part, and needs no ranges."""

_PDF = re.compile(rb"%PDF-\d")
_PDF_LINE = re.compile(rb"(?:\A|[^ -~])%PDF-\d")
_PDF_WITHIN = 1024
"""Readers allow so many bytes before the header."""


class Group(Enum):
    """The use that OCR can make of a format."""

    READ = auto()
    """Some operation reads it."""
    IMAGE = auto()
    """An image, to be converted."""
    DOCUMENT = auto()
    """Pages, to be printed."""
    ARCHIVE = auto()
    """It may hold images, to be unpacked."""
    WRAPPED = auto()
    """It may hold an image, to be taken out."""
    OTHER = auto()
    """Nothing to recognize."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    :param label: how to call it, after "is".
    :param group: the use that OCR can make of it.
    :param signature: a pattern of the bytes that it begins with; empty where they alone do not tell it.
    """

    label: str
    group: Group
    signature: bytes = b""


def _group(group: Group, *rows: tuple[str, str, bytes]) -> dict[str, Format]:
    return {name: Format(label, group, signature) for name, label, signature in rows}


def _cameras(**signatures: bytes) -> dict[str, Format]:
    rows = ((name, f"camera RAW ({name.upper()})", signature) for name, signature in signatures.items())
    return _group(Group.IMAGE, *rows)


_CAMERA_SUFFIXES = "3fr arw cr2 dcr dng erf iiq kdc mef mos nef nrw pef raw rwl sr2 srw"
"""Suffixes of camera files that begin as TIFF does."""

_BMP = (
    rb"BM.{12}(?:"
    rb"\x0c\0{3}(?!\0\0)..(?!\0\0).."  # the header of OS/2: width and height in two bytes each
    rb"|[\x10\x28\x34\x38\x40\x6c\x7c]\0{3}(?!\0{4}).{3}[\0-\x7f](?!\0{4}).{4}"
    rb")[\0\x01]\0[\x01\x02\x04\x08\x10\x18\x20]\0"  # planes, and bits of each pixel
)
_TGA = (
    rb"(?:.\x01[\x01\x09].{5}|.\0[\x02\x03\x0a\x0b]\0{5}).{4}"  # with a table of colours, or without one
    rb"(?!\0\0)..(?!\0\0)..[\x01\x08\x0f\x10\x18\x20]."  # width, height and bits of each pixel
)
_HEIF = rb".{4}ftypm(?:if[12]|iaf|sf1)"
_BRAND = rb"(?:.{4}ftyp|" + _HEIF + rb".{4}(?:[ -~]{4})*?)"
"""Media by their first brand, or one of those that follow where the first one is that of any HEIF."""

_ENTRY = rb"(?=PK).*?PK\x03\x04.{26}"
"""An archive up to the name of any of its first entries."""

_STATED = rb"PK.{0,130}mimetypeapplication/"
_OPEN_DOCUMENT = _STATED + rb"vnd\.oasis\.opendocument\."
_IWORK = "an iWork file (Pages, Numbers or Keynote)"
_OLE = "an Office or Outlook file of the older kind (such as DOC, XLS, PPT or MSG)"
_PKCS_7 = rb"-----BEGIN PKCS7|\x30.{0,20}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"

FORMATS: Mapping[str, Format] = {
    **_group(
        Group.READ,
        ("png", "PNG", rb"\x89PNG\r\n\x1a\n"),
        ("jpg", "JPEG", rb"\xff\xd8\xff"),
        ("gif", "GIF", rb"GIF8[79]a"),
        ("bmp", "BMP", _BMP),
        ("tiff", "TIFF", rb"II\*\0|MM\0\*"),
        ("svg", "SVG", b""),
        ("pdf", "PDF", b""),
        ("djvu", "DjVu", rb"AT&TFORM"),
    ),
    **_cameras(**dict.fromkeys(_CAMERA_SUFFIXES.split(), b"")),
    **_cameras(
        cr2=rb"II\*\0\x10\0\0\0CR",
        cr3=rb".{4}ftypcrx ",
        crw=rb".{6}HEAPCCDR",
        mrw=rb"\0MRM",
        orf=rb"IIR[OS]|MMOR",
        raf=rb"FUJIFILMCCD-RAW",
        rw2=rb"IIU\0",
        x3f=rb"FOVb",
    ),
    **_group(
        Group.IMAGE,
        ("raw", "camera RAW", b""),
        ("bigtiff", "BigTIFF", rb"II\+\0|MM\0\+"),
        ("webp", "WebP", rb"RIFF.{4}WEBP"),
        ("avif", "AVIF", _BRAND + rb"avi[fs]"),
        ("heic", "HEIC", _BRAND + rb"he[iv][cxms]"),
        ("heif", "HEIF", _HEIF),
        ("jp2", "JPEG 2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
        ("jxl", "JPEG XL", rb"\0\0\0\x0cJXL |\xff\x0a"),
        ("jxr", "JPEG XR", rb"II\xbc"),
        ("jls", "JPEG-LS", rb"\xff\xd8\xff\xf7"),
        ("jbig2", "JBIG2", rb"\x97JB2\r\n\x1a\n"),
        ("psd", "a Photoshop document (PSD)", rb"8BPS"),
        ("xcf", "a GIMP image (XCF)", rb"gimp xcf"),
        ("tga", "TGA", _TGA),
        ("ico", "an icon (ICO or CUR)", rb"\0\0[\x01\x02]\0.\0"),
        ("icns", "an icon (ICNS)", rb"icns"),
        ("pcx", "PCX", rb"\x0a[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]"),
        ("dcx", "a fax of several pages (DCX)", rb"\xb1\x68\xde\x3a"),
        ("mdi", "Microsoft Document Imaging (MDI)", rb"EP\*\0"),
        ("pnm", "a netpbm image (PBM, PGM, PPM or PAM)", rb"P[1-6]\s+(?:#|\d)|P7\nWIDTH"),
        ("sgi", "an SGI image", rb"\x01\xda[\0\x01]"),
        ("sun", "a Sun raster", rb"\x59\xa6\x6a\x95"),
        ("exr", "OpenEXR", rb"\x76\x2f\x31\x01"),
        ("hdr", "Radiance HDR", rb"#\?R(?:ADIANCE|GBE)"),
        ("dds", "DirectDraw Surface (DDS)", rb"DDS "),
        ("qoi", "QOI", rb"qoif"),
        ("bpg", "BPG", rb"BPG\xfb"),
        ("flif", "FLIF", rb"FLIF"),
        ("mng", "MNG", rb"\x8aMNG"),
        ("fits", "FITS", rb"SIMPLE  ="),
        ("dicom", "DICOM", rb".{128}DICM"),
        ("cals", "a CALS raster", rb"srcdocid:"),
        ("wmf", "a Windows metafile (WMF)", rb"\xd7\xcd\xc6\x9a"),
        ("emf", "a Windows metafile (EMF)", rb".{40} EMF"),
        ("cdr", "a CorelDRAW drawing", rb"RIFF.{4}CDR"),
        ("dwg", "an AutoCAD drawing (DWG)", rb"AC10"),
    ),
    **_group(
        Group.DOCUMENT,
        ("ole", _OLE, rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("odt", "an OpenDocument text (ODT)", _OPEN_DOCUMENT + rb"text"),
        ("ods", "an OpenDocument spreadsheet (ODS)", _OPEN_DOCUMENT + rb"spreadsheet"),
        ("odp", "an OpenDocument presentation (ODP)", _OPEN_DOCUMENT + rb"presentation"),
        ("odg", "an OpenDocument drawing (ODG)", _OPEN_DOCUMENT + rb"graphics"),
        ("odf", "an OpenDocument file", _OPEN_DOCUMENT),
        ("epub", "an e-book (EPUB)", _STATED + rb"epub\+zip"),
        ("docx", "a Word document (DOCX)", _ENTRY + rb"word/"),
        ("xlsx", "an Excel workbook (XLSX)", _ENTRY + rb"xl/"),
        ("pptx", "a PowerPoint presentation (PPTX)", _ENTRY + rb"ppt/"),
        ("vsdx", "a Visio drawing (VSDX)", _ENTRY + rb"visio/"),
        ("xps", "XPS", _ENTRY + rb"(?:Documents/\d|FixedDocSeq|FixedDocumentSequence)"),
        ("iwork", _IWORK, _ENTRY + rb"(?:Index/[ -~]*\.iwa|index\.(?:xml|apxl))"),
        ("ooxml", "an Office file (OOXML)", _ENTRY + rb"(?:\[Content_Types\]\.xml|_rels/\.rels|docProps/)"),
        ("mobi", "an e-book (MOBI)", rb".{60}BOOKMOBI"),
        ("rtf", "RTF", rb"\{\\rtf"),
        ("postscript", "PostScript", rb"%!PS|\xc5\xd0\xd3\xc6..\0"),
        ("pcl", "a print job (PCL or PJL)", rb"\x1b(?:%-12345X|E)"),
        ("wpd", "a WordPerfect document", rb"\xffWPC"),
        ("onenote", "a OneNote section", rb"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"),
        ("chm", "a help file (CHM)", rb"ITSF"),
        ("html", "an HTML page", b""),
    ),
    **_group(
        Group.ARCHIVE,
        ("zip", "a ZIP archive", rb"PK(?:\x03\x04|\x05\x06|\x07\x08|00PK\x03\x04)"),
        ("gzip", "compressed with gzip", rb"\x1f\x8b"),
        ("bzip2", "compressed with bzip2", rb"BZh"),
        ("xz", "compressed with xz", rb"\xfd7zXZ\0"),
        ("zstd", "compressed with zstd", rb"\x28\xb5\x2f\xfd"),
        ("lz4", "compressed with lz4", rb"\x04\x22\x4d\x18"),
        ("compress", "compressed with compress", rb"\x1f\x9d"),
        ("tar", "a tar archive", rb".{257}ustar"),
        ("rar", "a RAR archive", rb"Rar!\x1a\x07"),
        ("cab", "a cabinet archive (CAB)", rb"MSCF"),
        ("lzh", "an LZH archive", rb"..-lh"),
        ("arj", "an ARJ archive", rb"\x60\xea"),
        ("ar", "an ar archive", rb"!<arch>\n"),
        ("cpio", "a cpio archive", rb"070701|\xc7\x71"),
        ("7z", "a 7z archive", rb"7z\xbc\xaf\x27\x1c"),
    ),
    **_group(
        Group.WRAPPED,
        ("tnef", "a mail attachment of Outlook (winmail.dat)", rb"\x78\x9f\x3e\x22"),
        ("p7m", "a signed or encrypted file (PKCS #7)", _PKCS_7),
        ("pgp", "encrypted with PGP", rb"-----BEGIN PGP MESSAGE|\x85\x01|\x84\x8c\x03"),
        ("email", "an e-mail", b""),
        ("base64", "Base64 text", b""),
    ),
    **_group(
        Group.OTHER,
        ("m4a", "an audio file (M4A)", rb".{4}ftypM4[ABP] "),
        ("mov", "a video (QuickTime)", rb".{4}(?:ftypqt  |moov|mdat|wide|free|skip|pnot)"),
        ("mp4", "a video (MP4)", rb".{4}ftyp"),
        ("avi", "a video (AVI)", rb"RIFF.{4}AVI "),
        ("mkv", "a video (Matroska or WebM)", rb"\x1a\x45\xdf\xa3"),
        ("asf", "a video or audio file of Windows Media", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        ("flv", "a video (FLV)", rb"FLV\x01"),
        ("mpeg", "a video (MPEG)", rb"\0\0\x01[\xba\xb3]|G.{187}G.{187}G"),
        ("wav", "an audio file (WAV)", rb"RIFF.{4}WAVE"),
        ("mp3", "an audio file (MP3)", rb"ID3|\xff[\xfb\xf3\xf2]"),
        ("aac", "an audio file (AAC)", rb"\xff[\xf1\xf9]"),
        ("flac", "an audio file (FLAC)", rb"fLaC"),
        ("ogg", "an audio or video file (Ogg)", rb"OggS"),
        ("aiff", "an audio file (AIFF)", rb".{8}AIF[FC]"),
        ("amr", "an audio file (AMR)", rb"#!AMR"),
        ("midi", "an audio file (MIDI)", rb"MThd"),
        ("exe", "a Windows program", rb"MZ"),
        ("elf", "a Linux program", rb"\x7fELF"),
        ("macho", "a macOS program", rb"\xcf\xfa\xed\xfe"),
        ("jvm", "a Java class", rb"\xca\xfe\xba\xbe"),
        ("wasm", "a WebAssembly module", rb"\0asm"),
        ("sqlite", "an SQLite database", rb"SQLite format 3\0"),
        ("hdf5", "HDF5", rb"\x89HDF\r\n\x1a\n"),
        ("parquet", "Parquet", rb"PAR1"),
        ("avro", "Avro", rb"Obj\x01"),
        ("orc", "ORC", rb"ORC\x08"),
        ("arrow", "Arrow", rb"ARROW1"),
        ("lnk", "a Windows shortcut", rb"L\0\0\0\x01\x14\x02\0"),
        ("ds_store", "a folder's settings of macOS (.DS_Store)", rb"\0\0\0\x01Bud1"),
        ("appledouble", "the macOS half of a file (._name), without the image", rb"\0\x05\x16[\x07\0]"),
        ("bplist", "a property list of macOS", rb"bplist00"),
        ("font", "a font", rb"OTTO|wOF[F2]|\0\x01\0\0\0"),
        ("xml", "XML", b""),
        ("json", "JSON", b""),
        ("lfs", "a pointer of Git LFS, not the file itself", rb"version https://git-lfs\.github\.com/spec/"),
        ("text", "plain text", b""),
        ("zeros", "nothing but zeros: it was probably never written completely", rb"\0++\Z"),
    ),
}
"""Every format that can be named, by a short name; where two signatures match, the first one counts."""

_SURE = ("png", "jls", "jpg", "cr2", "tiff", "bmp")
"""Formats that begin as no text does, in the order in which they are tried."""

_WORDS = ("rtf", "lfs", "pgp", "p7m", "postscript", "pcl", "hdr", "fits", "cals", "pnm")
"""Formats that begin with words: text is one of them if it has their signature, and of no other."""

CONVERTIBLE = ("avif", "bigtiff", "bmp", "gif", "heic", "heif", "jp2", "jpg", "pnm", "png", "tiff", "webp")
"""Formats that can be converted, for operations that read PNG or PDF."""

_READERS = {"pdf": "RecognizePdf", "djvu": "DjVu2PDF first, then RecognizePdf"}


def sniff(head: bytes, name: str = "") -> str | None:
    """Name the format of a file: a key of :data:`.FORMATS`, or None.

    :param head: its first bytes, :data:`HEAD_BYTES` of them, or more of unfinished markup.
    :param name: its base name: camera files begin as TIFF does.
    """
    if found := _signed(head, _SURE):
        suffix = name.rpartition(".")[2].casefold()
        return suffix if found == "tiff" and suffix in _CAMERA_SUFFIXES.split() else found
    text = text_format(head)
    # In the sentence of a text it means nothing.
    if text != "html" and (_PDF_LINE if text else _PDF).search(head[: _PDF_WITHIN + 6]):
        return "pdf"
    if text:
        return (_signed(head, _WORDS) if text == "text" else None) or text
    return _signed(head, FORMATS)


def look(
    stream: IO[bytes],
    size: int,
    name: str,
    in_parts: Callable[[], AbstractContextManager[IO[bytes]]] | None = None,
) -> tuple[str | None, TiffLook | None]:
    """Read what tells the format of a file: its beginning, and of a TIFF its directories.

    :param stream: at its beginning.
    :param size: its bytes.
    :param name: its base name.
    :param in_parts: opens it anew to be read in parts, if the stream cannot seek.
    :return: the format, and what the look at a TIFF has shown.
    """
    head = _read(stream, HEAD_BYTES)
    if len(head) == HEAD_BYTES and not _signed(head, _SURE) and is_unfinished(head):
        head += _read(stream, MAX_PROLOGUE_BYTES - len(head))
    kind = sniff(head, name)
    if kind != "tiff":
        return kind, None
    if size <= _MAX_WHOLE_TIFF:
        head += _read(stream, size - len(head))
    with in_parts() if in_parts else nullcontext(stream) as parts:

        def read_at(at: int, length: int) -> bytes:
            if at + length <= len(head):
                return head[at : at + length]
            if at + length > size:
                return b""
            parts.seek(at)
            return _read(parts, length)

        tiff = look_at_tiff(read_at)
    return tiff.camera or kind, tiff


def refusal(found: str | None, operation: Operation) -> str | None:
    """Say why an operation cannot read a format and what can be done; None if it reads it.

    :param found: from :func:`sniff`.
    :param operation: the operation.
    """
    reads = operation.input_formats
    if "plain text" in reads or found in reads:
        return None
    known = FORMATS.get(found or "", Format("of no known format", Group.OTHER))
    hints = {
        Group.READ: f"; use {_READERS.get(found or '', 'RecognizeImage')}",
        Group.IMAGE: f"; convert it to PNG or TIFF {'first' if 'png' in reads else 'and use RecognizeImage'}",
        Group.DOCUMENT: f"; save it as PDF {'first' if 'pdf' in reads else 'and use RecognizePdf'}",
        Group.ARCHIVE: "; unpack it first",
        Group.WRAPPED: "; take the image out of it first",
        Group.OTHER: "",
    }
    convertible = found in CONVERTIBLE and not {"png", "pdf"}.isdisjoint(reads)
    more = ", or set convert=True, with the extra airflow-provider-asposeocr[images]" if convertible else ""
    return f"is {known.label}: {operation.name} reads {', '.join(reads)}{hints[known.group]}{more}"


def _read(stream: IO[bytes], size: int) -> bytes:
    # A network hands out less than is asked for.
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _signed(head: bytes, names: Iterable[str]) -> str | None:
    # Compiled when it is first needed: most files are images, and known before any other is tried.
    signatures = ((name, FORMATS[name].signature) for name in names)
    return next((name for name, of in signatures if of and re.match(of, head, re.DOTALL)), None)
