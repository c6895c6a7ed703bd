"""Labels of an invoice: the usual wordings in English, German, French and Spanish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_asposeocr.emulator.work.invoice_values import currency_of, folded

OTHER = "other"
"""Label of something that is no field: it is no value of another label, and separates what is."""

TITLE = "title"
"""Title of the sheet, which labels nothing."""

CONTACTS = frozenset({"email", "phone", "tax_id"})
"""Labels within the address of a party."""

_NAMES = frozenset({"supplier", "receiver", "bank_name"})
"""Labels whose words also begin names: they stand alone or before a colon."""

_EVIDENCE = re.compile(r"[\d@(€£$]")
"""Label without a colon is one only if nothing follows it, or something that is no word of a name."""

_WORDINGS: Mapping[str, Sequence[str]] = {
    # For each field the wordings of equal rank in one string, the best rank first.
    "issue_date": (
        "invoice date|date of issue|date of invoice|issue date|date issued|issued on|issued|bill date"
        "|billing date|dated|rechnungsdatum|ausstellungsdatum|date de facture|date de la facture"
        "|date de facturation|date d.emission|fecha de factura|fecha de la factura|fecha de emision"
        "|fecha de expedicion",
        "date|datum|fecha",
    ),
    "due_date": (
        "due date|date due|payment due date|payment due by|payment due on|payment due|due by|due on|due"
        "|pay by|payable by|falligkeitsdatum|fallig am|fallig|zahlbar bis|date d.echeance|echeance"
        "|fecha de vencimiento|vencimiento",
    ),
    "total_amount": (
        "grand total|invoice total|total amount due|total amount|total due|total payable|total incl. vat"
        "|total inc. vat|total including vat|total incl. tax|total including tax|total incl. gst"
        "|gesamtbetrag|rechnungsbetrag|gesamtsumme|endbetrag|total ttc|montant ttc|importe total"
        "|total factura",
        "total|summe|gesamt|bruttobetrag|montant total",
        "amount due|balance due|amount payable|zahlbetrag|net a payer|total a pagar",
    ),
    "net_amount": (
        "sub-?total|sub total|net amount|net total|total net|net|total excl. vat|total ex. vat"
        "|total excluding vat"
        "|total excl. tax|total excluding tax|total before tax|zwischensumme|nettobetrag|nettosumme"
        "|summe netto|netto|sous-?total|total ht|montant ht|total hors taxes|base imponible",
    ),
    "vat": (
        "vat rate|vat %|tax rate|tax %|gst rate|mwst.?-?satz|steuersatz|taux de tva|taux tva|tipo de iva",
    ),
    "tax_id": (
        "vat no|vat number|vat id|vat reg no|vat reg|vat registration no|vat registration number"
        "|vat registration|tax id|tax no|tax number|tax registration no|tin|ein|abn|gstin|gst no"
        "|ust-?id-?nr|ust-?id|steuernummer|steuer-?nr|n. tva|numero de tva|tva intracommunautaire|nif|cif",
    ),
    "supplier": (
        "from|supplier|vendor|seller|issued by|billed by|service provider|lieferant|verkaufer"
        "|rechnungssteller|fournisseur|vendeur|emetteur|proveedor|vendedor|emisor",
    ),
    "receiver": (
        "bill to|billed to|billing address|invoice to|invoiced to|sold to|customer|client|buyer|recipient"
        "|to|rechnung an|rechnungsempfanger|kunde|kaufer|facture a|destinataire|acheteur|facturar a"
        "|cliente|comprador",
    ),
    "email": ("e-?mail",),
    "phone": ("phone|telephone|tel|mobile|telefon|telefono|fon|phone no|phone number",),
    "bank_name": ("bank|bank name|name of bank|banque|banco",),
    "bic": ("bic|swift|swift code|bic code|bic/swift|swift/bic",),
    "account": (
        "iban|iban no|iban number",
        "account no|account number|bank account|account|a/c no|a/c|acct no|kontonummer|konto-?nr|konto"
        "|numero de compte|n. de compte|numero de cuenta|cuenta",
    ),
    "currency": ("currency|wahrung|devise|moneda",),
    TITLE: ("invoice|tax invoice|rechnung|facture|factura",),
    OTHER: (
        "invoice no|invoice number|invoice id|invoice nr|rechnungs-?nr|rechnungsnummer|facture n."
        "|numero de facture|factura n.|numero de factura"
        "|order|order no|order number|order date|purchase order|po number|po no|p.o. no|delivery date"
        "|delivery address|deliver to|ship to|ship date|shipping|shipping address|lieferdatum"
        "|lieferadresse|terms|payment terms|zahlungsbedingungen|description|item|items|qty|quantity"
        "|unit price|price|rate|amount|hours|position|pos|menge|einzelpreis|preis|betrag|designation"
        "|quantite|prix unitaire|montant|descripcion|cantidad|precio|importe|page|seite|reference|ref"
        "|your ref|our ref|customer no|customer id|customer number|kundennummer|kunden-?nr|client id"
        "|account name|account manager|sort code|bank details|payment details|payment information"
        "|bankverbindung|notes|note|thank you|discount|rabatt|remise|paid|amount paid|deposit|fax"
        "|website|web|vat|tax|sales tax|gst|mwst|ust|tva|iva|total vat|total tax|vat amount|vat total"
        "|tax amount|net 30|net 14|due date|contact|attn",
    ),
}
_HEADINGS_OF_ITEMS = re.compile(
    "description|items?|qty|quantity|unit price|price|hours|menge|einzelpreis|artikel|designation|quantite"
    "|prix unitaire|descripcion|cantidad|precio"
)
_WORDS_OF_VAT = r"(?:vat|tax|gst|mwst|mehrwertsteuer|ust|umsatzsteuer|tva|iva)"
_PERCENT = r"\d{1,2}(?:[.,]\d{1,3})?\s*%"
_VAT = re.compile(
    rf"(?<![a-z]){_WORDS_OF_VAT}(?![a-z])\.?\W*(?:rate)?\W*(?P<after>{_PERCENT})"
    rf"|(?P<before>{_PERCENT})\s*{_WORDS_OF_VAT}(?![a-z])"
)


@dataclass(frozen=True)
class Label:
    """Label in a text.

    :param field: what it labels, or :data:`OTHER`.
    :param rank: how well its wording fits, 0 for best.
    :param start: the offset of its first character.
    :param end: the offset of the text after it and its punctuation.
    """

    field: str
    rank: int
    start: int
    end: int


def labels_of(text: str) -> Iterator[Label]:
    """Yield the labels of a text: one that it begins with, and those within it that a colon ends.

    :param text: the text of a cell.
    """
    plain = folded(text)
    end = 0
    for start in _beginnings(plain):
        label = _label_at(plain, start) if start >= end else None
        if label:
            end = label.end
            yield label


def is_heading_of_items(text: str) -> bool:
    """Return whether a text stands above a column of items."""
    return bool(_HEADINGS_OF_ITEMS.fullmatch(folded(text).strip(" .:")))


def vat_rate_in(text: str) -> str | None:
    """Return the percentage that a text gives as the rate of a tax."""
    found = _VAT.search(folded(text))
    return (found["after"] or found["before"]) if found else None


def _beginnings(plain: str) -> Iterator[int]:
    yield 0
    if ":" in plain:
        yield from (place + 1 for place, character in enumerate(plain) if character == " ")


def _label_at(plain: str, start: int) -> Label | None:
    best: Label | None = None
    longest = 0
    for field, rank, form in _FORMS:
        found = form.match(plain, start)
        if found and (best is None or found.end("wording") > longest) and _is_label(field, plain, found):
            best, longest = Label(field, rank, start, found.end()), found.end("wording")
    return best


def _is_label(field: str, plain: str, found: re.Match[str]) -> bool:
    if ":" in found["marks"]:
        return True
    rest = plain[found.end() :]
    if found.start() > 0 or (rest and field in _NAMES):
        return False
    return not rest or field == "bic" or bool(_EVIDENCE.search(rest) or currency_of(rest))


def _form(wordings: str) -> re.Pattern[str]:
    # A narrow space is easily lost by the engine.
    either = wordings.replace(".", r"\.?").replace(" ", r"\s*")
    return re.compile(rf"(?P<wording>{either})(?![a-z0-9])(?P<marks>[\s.:#-]*)")


def _longest_first(wordings: str) -> str:
    return "|".join(sorted(wordings.split("|"), key=len, reverse=True))


_FORMS = tuple(
    (field, rank, _form(_longest_first(wordings)))
    for field, ranks in _WORDINGS.items()
    for rank, wordings in enumerate(ranks)
)
