"""Files of other formats than OCR reads, made by code: each begins as real ones do."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

from PIL import Image


def image(form: str, mode: str = "L", **options: object) -> bytes:
    """Make an image with Pillow.

    :param form: Pillow's name of the format.
    :param mode: its mode.
    :param options: of the format.
    """
    stream = io.BytesIO()
    Image.new(mode, (64, 48)).save(stream, form, **options)
    return stream.getvalue()


def iso_media(brand: bytes, *others: bytes) -> bytes:
    """Make the beginning of a file of ISO media."""
    brands = brand + bytes(4) + b"".join(others)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0\0\0\x08mdat" + bytes(range(200))


def archive(*names: str, stored: Mapping[str, bytes] | None = None) -> bytes:
    """Make a ZIP archive of compressed entries, after some that are only stored."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in (stored or {}).items():
            made.writestr(zipfile.ZipInfo(name), content)
        for name in names:
            made.writestr(name, name * 50)
    return stream.getvalue()


def tarball() -> bytes:
    """Make a tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        made.addfile(tarfile.TarInfo("scan.png"))
    return stream.getvalue()


def riff(kind: bytes) -> bytes:
    """Make the beginning of a RIFF file."""
    return b"RIFF" + struct.pack("<I", 500) + kind + bytes(range(256))


def opened(kind: str) -> bytes:
    """Make an OpenDocument file."""
    mime = f"application/vnd.oasis.opendocument.{kind}"
    return archive("content.xml", stored={"mimetype": mime.encode()})


REST = bytes(range(256)) * 2
OFFICE = ("[Content_Types].xml", "_rels/.rels")

MADE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "WebP": ("webp", lambda: image("WEBP", "RGB")),
    "AVIF": ("avif", lambda: iso_media(b"avif", b"avif", b"mif1", b"miaf")),
    "AVIF after a general brand": ("avif", lambda: iso_media(b"mif1", b"miaf", b"avif")),
    "HEIC": ("heic", lambda: iso_media(b"heic", b"mif1", b"heic")),
    "HEIC after a general brand": ("heic", lambda: iso_media(b"mif1", b"miaf", b"heic")),
    "HEIC of several images": ("heic", lambda: iso_media(b"hevc", b"msf1")),
    "HEIF": ("heif", lambda: iso_media(b"mif1")),
    "JPEG 2000": ("jp2", lambda: image("JPEG2000")),
    "JPEG 2000, bare": ("jp2", lambda: image("JPEG2000", no_jp2=True)),
    "JPEG XL": ("jxl", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + iso_media(b"jxl ")),
    "JPEG XL, bare": ("jxl", lambda: b"\xff\x0a" + REST),
    "JPEG XR": ("jxr", lambda: b"II\xbc\x01" + REST),
    "JPEG-LS": ("jls", lambda: b"\xff\xd8\xff\xf7\0\x0b" + REST),
    "BigTIFF": ("bigtiff", lambda: b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + REST),
    "BigTIFF, big-endian": ("bigtiff", lambda: b"MM\0+\0\x08\0\0" + REST),
    "CR2": ("cr2", lambda: b"II*\0\x10\0\0\0CR\x02\0" + REST),
    "CR3": ("cr3", lambda: iso_media(b"crx ", b"crx ", b"isom")),
    "CRW": ("crw", lambda: b"II\x1a\0\0\0HEAPCCDR" + REST),
    "ORF": ("orf", lambda: b"IIRO\x08\0\0\0" + REST),
    "ORF of older cameras": ("orf", lambda: b"MMOR\0\0\0\x08" + REST),
    "RW2": ("rw2", lambda: b"IIU\0\x18\0\0\0" + REST),
    "RAF": ("raf", lambda: b"FUJIFILMCCD-RAW 0201" + REST),
    "X3F": ("x3f", lambda: b"FOVb\0\0\x03\0" + REST),
    "MRW": ("mrw", lambda: b"\0MRM\0\0\x10\0" + REST),
    "PSD": ("psd", lambda: b"8BPS\0\x01" + REST),
    "ICO": ("ico", lambda: image("ICO", "RGB")),
    "CUR": ("ico", lambda: b"\0\0\x02\0\x01\0\x20\x20\0\0" + REST),
    "ICNS": ("icns", lambda: image("ICNS", "RGBA")),
    "PCX": ("pcx", lambda: image("PCX")),
    "DCX": ("dcx", lambda: b"\xb1\x68\xde\x3a" + REST),
    "TGA": ("tga", lambda: image("TGA", "RGB")),
    "TGA, grey": ("tga", lambda: image("TGA", "L")),
    "PPM": ("pnm", lambda: image("PPM", "RGB")),
    "PBM": ("pnm", lambda: image("PPM", "1")),
    "PGM of text": ("pnm", lambda: b"P2\n# made\n2 2\n255\n0 255\n255 0\n"),
    "SGI": ("sgi", lambda: image("SGI")),
    "QOI": ("qoi", lambda: b"qoif\0\0\0\x40\0\0\0\x30\3\0" + REST),
    "DDS": ("dds", lambda: image("DDS", "RGBA")),
    "DICOM": ("dicom", lambda: bytes(128) + b"DICM" + REST),
    "MDI": ("mdi", lambda: b"EP*\0" + REST),
    "FITS": ("fits", lambda: b"SIMPLE  =                    T".ljust(2880) + REST),
    "Radiance HDR": ("hdr", lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + REST),
    "CALS": ("cals", lambda: b"srcdocid: NONE".ljust(2048) + REST),
    "EMF": ("emf", lambda: b"\x01\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF" + REST),
    "WMF": ("wmf", lambda: b"\xd7\xcd\xc6\x9a\0\0" + REST),
    "CorelDRAW": ("cdr", lambda: riff(b"CDRB")),
    "JBIG2": ("jbig2", lambda: b"\x97JB2\r\n\x1a\n" + REST),
    "EPS": ("postscript", lambda: image("EPS")),
    "EPS with a preview": ("postscript", lambda: b"\xc5\xd0\xd3\xc6\x20\0\0\0" + REST),
    "DOC, XLS, PPT, MSG": ("ole", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    "DOCX": ("docx", lambda: archive(*OFFICE, "word/document.xml")),
    "PPTX": ("pptx", lambda: archive(*OFFICE, "ppt/presentation.xml")),
    "XLSX": ("xlsx", lambda: archive(*OFFICE, "xl/workbook.xml")),
    "XLSX of a library": (
        "xlsx",
        lambda: archive("docProps/app.xml", "docProps/core.xml", "xl/theme/theme1.xml"),
    ),
    "VSDX": ("vsdx", lambda: archive(*OFFICE, "visio/document.xml")),
    "other OOXML": ("ooxml", lambda: archive(*OFFICE)),
    "ODT": ("odt", lambda: opened("text")),
    "ODS": ("ods", lambda: opened("spreadsheet")),
    "ODP": ("odp", lambda: opened("presentation")),
    "ODG": ("odg", lambda: opened("graphics")),
    "other ODF": ("odf", lambda: opened("formula")),
    "EPUB": ("epub", lambda: archive("a.xhtml", stored={"mimetype": b"application/epub+zip"})),
    "XPS": ("xps", lambda: archive("[Content_Types].xml", "FixedDocSeq.fdseq")),
    "Pages": ("iwork", lambda: archive("Index/Document.iwa")),
    "ZIP": ("zip", lambda: archive("scan.png", "words/a.txt")),
    "ZIP, empty": ("zip", archive),
    "ZIP, in a subfolder": ("zip", lambda: archive("old/word/document.xml")),
    "RTF": ("rtf", lambda: b"{\\rtf1\\ansi Hello}"),
    "RTF with a picture": ("rtf", lambda: b"{\\rtf1\\ansi{\\pict\\bin512 " + REST),
    "WordPerfect": ("wpd", lambda: b"\xffWPC" + REST),
    "OneNote": ("onenote", lambda: bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + REST),
    "print job": ("pcl", lambda: b"\x1b%-12345X@PJL JOB\r\n"),
    "gzip": ("gzip", lambda: gzip.compress(b"hello" * 100)),
    "bzip2": ("bzip2", lambda: b"BZh91AY&SY" + REST),
    "xz": ("xz", lambda: b"\xfd7zXZ\0" + REST),
    "7z": ("7z", lambda: b"7z\xbc\xaf\x27\x1c" + REST),
    "RAR": ("rar", lambda: b"Rar!\x1a\x07\x01\0" + REST),
    "zstd": ("zstd", lambda: b"\x28\xb5\x2f\xfd" + REST),
    "tar": ("tar", tarball),
    "CAB": ("cab", lambda: b"MSCF" + bytes(4) + REST),
    "LZH": ("lzh", lambda: b"\x20\x8f-lh5-" + REST),
    "winmail.dat": ("tnef", lambda: b"\x78\x9f\x3e\x22" + REST),
    "P7M": ("p7m", lambda: bytes.fromhex("308006092a864886f70d010702a080") + REST),
    "PGP": ("pgp", lambda: b"-----BEGIN PGP MESSAGE-----\n\nhQEM"),
    "MP4": ("mp4", lambda: iso_media(b"isom", b"iso2", b"avc1")),
    "QuickTime": ("mov", lambda: iso_media(b"qt  ")),
    "QuickTime of older cameras": ("mov", lambda: b"\0\0\x10\0moov" + REST),
    "M4A": ("m4a", lambda: iso_media(b"M4A ", b"isom")),
    "AVI": ("avi", lambda: riff(b"AVI ")),
    "WAV": ("wav", lambda: riff(b"WAVE")),
    "MKV": ("mkv", lambda: b"\x1a\x45\xdf\xa3" + REST),
    "MPEG": ("mpeg", lambda: b"\0\0\x01\xba" + REST),
    "MPEG transport": ("mpeg", lambda: (b"G" + bytes(187)) * 3),
    "WMV": ("asf", lambda: bytes.fromhex("3026b2758e66cf11") + REST),
    "MP3": ("mp3", lambda: b"ID3\x04\0" + REST),
    "MP3 without a tag": ("mp3", lambda: b"\xff\xfb\x90\x64" + REST),
    "FLAC": ("flac", lambda: b"fLaC\0" + REST),
    "Ogg": ("ogg", lambda: b"OggS\0\x02" + REST),
    "EXE": ("exe", lambda: b"MZ\x90\0\x03" + REST),
    "ELF": ("elf", lambda: b"\x7fELF\x02" + REST),
    "SQLite": ("sqlite", lambda: b"SQLite format 3\0" + REST),
    "Parquet": ("parquet", lambda: b"PAR1\x15\0" + REST),
    "LNK": ("lnk", lambda: b"L\0\0\0\x01\x14\x02\0" + REST),
    "DS_Store": ("ds_store", lambda: b"\0\0\0\x01Bud1" + REST),
    "._scan.png": ("appledouble", lambda: b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + REST),
    "nothing but zeros": ("zeros", lambda: bytes(5000)),
    "HTML": ("html", lambda: b"<!DOCTYPE html>\n<html><body><svg></svg>"),
    "HTML without a doctype": ("html", lambda: b"\r\n <HTML><img src='a.png'>"),
    "HTML fragment": ("html", lambda: b"<p>Sign in</p><svg/>"),
    "XHTML": ("html", lambda: b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD"><html>'),
    "HTML of a PDF": ("html", lambda: b"<html><pre>\n%PDF-1.4\n</pre>"),
    "HTML in UTF-16": ("html", lambda: "<html><body>".encode("utf-16")),
    "error of S3": ("xml", lambda: b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>'),
    "JSON": ("json", lambda: b'{"error": "not found", "path": "%PDF-1.4"}'),
    "JSON list": ("json", lambda: b"[1, 2]"),
    "JSON in UTF-16": ("json", lambda: '[{"a": 1}]'.encode("utf-16-le")),
    "e-mail": ("email", lambda: b"From: a@example.org\r\nSubject: a scan\r\n\r\n"),
    "Base64": ("base64", lambda: b"iVBORw0KGgoAAAANSUhEUgAA"),
    "data URL": ("base64", lambda: b"data:image/png;base64,iVBORw0KGgo"),
    "Git LFS": ("lfs", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "text": ("text", lambda: b"hello"),
    "text that begins with BM": ("text", lambda: b"BM is short for bitmap, and this is a long enough text."),
    "text that begins with GIF89a": ("text", lambda: b"GIF89a is a format of 1989, which is seldom scanned."),
    "text that begins with II": ("text", lambda: b"II* is no TIFF, MM neither"),
    "text that begins with AT&TFORM": ("text", lambda: b"AT&TFORM is how DjVu begins"),
    "text that begins with MZ": ("text", lambda: b"MZ, BZh, ID3, RIFF, 8BPS"),
    "text about PDF": ("text", lambda: b"A PDF begins with %PDF-1.4 or so."),
    "text in UTF-16": ("text", lambda: "BM, Gr\u00fc\u00dfe".encode("utf-16")),
    "text in UTF-16 without a mark": ("text", lambda: "BM, hello".encode("utf-16-be")),
    "text in UTF-32": ("text", lambda: "hello".encode("utf-32")),
    "text in Latin-1": ("text", lambda: "BM: Gr\u00fc\u00dfe aus M\u00fcnchen".encode("latin-1")),
    "CSV": ("text", lambda: b"\xef\xbb\xbfa;b\r\n1;2\r\n"),
}
"""A format's name in :data:`.FORMATS` and what makes a file of it, by what people call it."""
