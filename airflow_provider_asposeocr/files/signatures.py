"""Formats by name: the bytes they begin with, what to call them, and what can be done with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType


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
    """

    label: str
    group: Group


def _group(group: Group, **labels: str) -> dict[str, Format]:
    return {name: Format(label, group) for name, label in labels.items()}


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        **_group(Group.READ, png="PNG", jpg="JPEG", gif="GIF", bmp="BMP", tiff="TIFF", svg="SVG", pdf="PDF"),
        **_group(Group.READ, djvu="DjVu"),
        **_group(
            Group.IMAGE,
            bigtiff="BigTIFF",
            webp="WebP",
            heic="HEIC",
            heif="HEIF",
            avif="AVIF",
            jp2="JPEG 2000",
            jxl="JPEG XL",
            jxr="JPEG XR",
            jls="JPEG-LS",
            jbig2="JBIG2",
            psd="a Photoshop document (PSD)",
            xcf="a GIMP image (XCF)",
            ico="an icon (ICO or CUR)",
            icns="an icon (ICNS)",
            pcx="PCX",
            tga="TGA",
            dcx="a fax of several pages (DCX)",
            mdi="Microsoft Document Imaging (MDI)",
            pnm="a netpbm image (PBM, PGM, PPM or PAM)",
            sgi="an SGI image",
            sun="a Sun raster",
            exr="OpenEXR",
            hdr="Radiance HDR",
            dds="DirectDraw Surface (DDS)",
            qoi="QOI",
            bpg="BPG",
            flif="FLIF",
            mng="MNG",
            fits="FITS",
            dicom="DICOM",
            cals="a CALS raster",
            wmf="a Windows metafile (WMF)",
            emf="a Windows metafile (EMF)",
            cdr="a CorelDRAW drawing",
            dwg="an AutoCAD drawing (DWG)",
            cr2="camera RAW (CR2)",
            cr3="camera RAW (CR3)",
            crw="camera RAW (CRW)",
            nef="camera RAW (NEF)",
            nrw="camera RAW (NRW)",
            arw="camera RAW (ARW)",
            sr2="camera RAW (SR2)",
            dng="camera RAW (DNG)",
            orf="camera RAW (ORF)",
            rw2="camera RAW (RW2)",
            raf="camera RAW (RAF)",
            pef="camera RAW (PEF)",
            srw="camera RAW (SRW)",
            x3f="camera RAW (X3F)",
            mrw="camera RAW (MRW)",
            iiq="camera RAW (IIQ)",
            erf="camera RAW (ERF)",
            kdc="camera RAW (KDC)",
            dcr="camera RAW (DCR)",
            mef="camera RAW (MEF)",
            mos="camera RAW (MOS)",
            rwl="camera RAW (RWL)",
            raw="camera RAW",
            **{"3fr": "camera RAW (3FR)"},
        ),
        **_group(
            Group.DOCUMENT,
            ole="an Office or Outlook file of the older kind (such as DOC, XLS, PPT or MSG)",
            docx="a Word document (DOCX)",
            xlsx="an Excel workbook (XLSX)",
            pptx="a PowerPoint presentation (PPTX)",
            vsdx="a Visio drawing (VSDX)",
            ooxml="an Office file (OOXML)",
            odt="an OpenDocument text (ODT)",
            ods="an OpenDocument spreadsheet (ODS)",
            odp="an OpenDocument presentation (ODP)",
            odg="an OpenDocument drawing (ODG)",
            odf="an OpenDocument file",
            epub="an e-book (EPUB)",
            mobi="an e-book (MOBI)",
            iwork="an iWork file (Pages, Numbers or Keynote)",
            xps="XPS",
            rtf="RTF",
            postscript="PostScript",
            pcl="a print job (PCL or PJL)",
            wpd="a WordPerfect document",
            onenote="a OneNote section",
            chm="a help file (CHM)",
            html="an HTML page",
        ),
        **_group(
            Group.ARCHIVE,
            zip="a ZIP archive",
            gzip="compressed with gzip",
            bzip2="compressed with bzip2",
            xz="compressed with xz",
            zstd="compressed with zstd",
            lz4="compressed with lz4",
            compress="compressed with compress",
            tar="a tar archive",
            rar="a RAR archive",
            cab="a cabinet archive (CAB)",
            lzh="an LZH archive",
            arj="an ARJ archive",
            ar="an ar archive",
            cpio="a cpio archive",
            **{"7z": "a 7z archive"},
        ),
        **_group(
            Group.WRAPPED,
            tnef="a mail attachment of Outlook (winmail.dat)",
            p7m="a signed or encrypted file (PKCS #7)",
            pgp="encrypted with PGP",
            email="an e-mail",
            base64="Base64 text",
        ),
        **_group(
            Group.OTHER,
            mp4="a video (MP4)",
            mov="a video (QuickTime)",
            avi="a video (AVI)",
            mkv="a video (Matroska or WebM)",
            asf="a video or audio file of Windows Media",
            flv="a video (FLV)",
            mpeg="a video (MPEG)",
            wav="an audio file (WAV)",
            mp3="an audio file (MP3)",
            m4a="an audio file (M4A)",
            aac="an audio file (AAC)",
            flac="an audio file (FLAC)",
            ogg="an audio or video file (Ogg)",
            aiff="an audio file (AIFF)",
            amr="an audio file (AMR)",
            midi="an audio file (MIDI)",
            exe="a Windows program",
            elf="a Linux program",
            macho="a macOS program",
            jvm="a Java class",
            wasm="a WebAssembly module",
            sqlite="an SQLite database",
            hdf5="HDF5",
            parquet="Parquet",
            avro="Avro",
            orc="ORC",
            arrow="Arrow",
            lnk="a Windows shortcut",
            ds_store="a folder's settings of macOS (.DS_Store)",
            appledouble="the macOS half of a file (._name), without the image",
            bplist="a property list of macOS",
            font="a font",
            xml="XML",
            json="JSON",
            lfs="a pointer of Git LFS, not the file itself",
            text="plain text",
            zeros="nothing but zeros: it was probably never written completely",
        ),
    }
)
"""Every format that can be named, by a short name."""

IMAGES = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff\xf7", "jls"),
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"II*\x00\x10\x00\x00\x00CR", "cr2"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
)
"""Offset, bytes and name of what images begin with that no text does."""

PRINTABLE = (
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"AT&TFORM", "djvu"),
)
"""The same where a text may begin so as well: more than text must follow."""

OTHERS = (
    (0, b"II+\x00", "bigtiff"),
    (0, b"MM\x00+", "bigtiff"),
    (0, b"IIRO", "orf"),
    (0, b"IIRS", "orf"),
    (0, b"MMOR", "orf"),
    (0, b"IIU\x00", "rw2"),
    (0, b"FUJIFILMCCD-RAW", "raf"),
    (0, b"FOVb", "x3f"),
    (0, b"\x00MRM", "mrw"),
    (6, b"HEAPCCDR", "crw"),
    (0, b"II\xbc", "jxr"),
    (0, b"EP*\x00", "mdi"),
    (0, b"\x00\x00\x00\x0cjP  ", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"\x00\x00\x00\x0cJXL ", "jxl"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\x97JB2\r\n\x1a\n", "jbig2"),
    (0, b"\x01\xda\x00", "sgi"),
    (0, b"\x01\xda\x01", "sgi"),
    (0, b"\x59\xa6\x6a\x95", "sun"),
    (0, b"8BPS", "psd"),
    (0, b"gimp xcf", "xcf"),
    (0, b"icns", "icns"),
    (0, b"\xb1\x68\xde\x3a", "dcx"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"DDS ", "dds"),
    (0, b"qoif", "qoi"),
    (0, b"BPG\xfb", "bpg"),
    (0, b"FLIF", "flif"),
    (0, b"\x8aMNG", "mng"),
    (128, b"DICM", "dicom"),
    (0, b"\xd7\xcd\xc6\x9a", "wmf"),
    (40, b" EMF", "emf"),
    (0, b"AC10", "dwg"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"\xc5\xd0\xd3\xc6", "postscript"),
    (0, b"%!PS", "postscript"),
    (0, b"\x1b%-12345X", "pcl"),
    (0, b"\x1bE", "pcl"),
    (0, b"\xffWPC", "wpd"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "onenote"),
    (0, b"ITSF", "chm"),
    (60, b"BOOKMOBI", "mobi"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"\x1f\x9d", "compress"),
    (257, b"ustar", "tar"),
    (0, b"MSCF", "cab"),
    (2, b"-lh", "lzh"),
    (0, b"\x60\xea", "arj"),
    (0, b"!<arch>\n", "ar"),
    (0, b"070701", "cpio"),
    (0, b"\xc7\x71", "cpio"),
    (0, b"\x78\x9f\x3e\x22", "tnef"),
    (0, b"\x85\x01", "pgp"),
    (0, b"\x84\x8c\x03", "pgp"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpeg"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (0, b"\xff\xf2", "mp3"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"#!AMR", "amr"),
    (0, b"MThd", "midi"),
    (0, b"MZ", "exe"),
    (0, b"\x7fELF", "elf"),
    (0, b"\xcf\xfa\xed\xfe", "macho"),
    (0, b"\xca\xfe\xba\xbe", "jvm"),
    (0, b"\x00asm", "wasm"),
    (0, b"SQLite format 3\x00", "sqlite"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"PAR1", "parquet"),
    (0, b"Obj\x01", "avro"),
    (0, b"ORC\x08", "orc"),
    (0, b"ARROW1", "arrow"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "lnk"),
    (0, b"\x00\x00\x00\x01Bud1", "ds_store"),
    (0, b"\x00\x05\x16\x07", "appledouble"),
    (0, b"\x00\x05\x16\x00", "appledouble"),
    (0, b"bplist00", "bplist"),
    (0, b"OTTO", "font"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"\x00\x01\x00\x00\x00", "font"),
    (0, b"\x00\x00\x01\x00", "ico"),
    (0, b"\x00\x00\x02\x00", "ico"),
)
"""Offset, bytes and name of what no operation reads, looked for in what is neither an image nor text."""

CAMERA_SUFFIXES = frozenset(
    (
        *("3fr", "arw", "cr2", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mos", "nef", "nrw", "pef", "raw"),
        *("rwl", "sr2", "srw"),
    )
)
"""Suffixes of camera files that begin as TIFF does."""
