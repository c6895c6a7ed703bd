"""Sentences in the languages that the accuracy benchmark draws."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True)
class Language:
    """Language of a page.

    :param tesseract: its data at Tesseract.
    :param sentences: what is written; ``#`` stands for a random digit.
    :param spaced: words are separated by blanks.
    """

    tesseract: str
    sentences: tuple[str, ...]
    spaced: bool = True

    def prose(self, chance: random.Random, sentences: int) -> list[str]:
        """Compose a text as pieces between which a line may be broken: words or single characters.

        :param chance: the source of randomness.
        :param sentences: the number of sentences.
        """
        chosen: list[str] = []
        while len(chosen) < sentences:
            chosen += chance.sample(self.sentences, len(self.sentences))
        text = [with_digits(sentence, chance) for sentence in islice(chosen, sentences)]
        return " ".join(text).split() if self.spaced else list("".join(text))

    @property
    def joint(self) -> str:
        """Separator of the pieces of a text."""
        return " " if self.spaced else ""


def with_digits(text: str, chance: random.Random) -> str:
    """Return a text with random digits in place of ``#``."""
    return "".join(str(chance.randrange(1, 10)) if each == "#" else each for each in text)


LANGUAGES = {
    "English": Language(
        "eng",
        (
            "The invoice for our delivery of ## wooden chairs was sent on Monday.",
            "Please quote order number ##-#### in your letter, because the warehouse files by customer.",
            "A second copy has been enclosed with the signed contract.",
            "Both parties accepted the terms last winter, although details of transport were missing.",
            "We would like to thank you for your patience during this difficult period!",
            "Payment is due within ## days after receipt; later payments cost #.#% interest.",
            "Who will collect the keys on Friday, and at what time?",
            'The heading "General conditions" was moved to page ## (see section #.#).',
            "Our office in Leeds is open from #:## a.m. until noon.",
            "Nobody could say why the quick brown fox jumps over the lazy dog.",
        ),
    ),
    "German": Language(
        "deu",
        (
            "Die Rechnung über ## Stühle wurde am Montag verschickt.",
            "Bitte geben Sie in Ihrem Schreiben die Bestellnummer ##-#### an.",
            "Für Rückfragen stehen wir Ihnen gerne zur Verfügung, auch außerhalb der Öffnungszeiten.",
            "Der Betrag von ###,## Euro ist innerhalb von ## Tagen fällig.",
            "Größere Mengen werden ausschließlich auf Anfrage geliefert.",
            "Der Geschäftsführer prüft die Verträge äußerst sorgfältig.",
            "Können wir den Termin in der nächsten Woche verschieben?",
            "Über die Höhe der Gebühren entscheidet das zuständige Amt in München.",
        ),
    ),
    "French": Language(
        "fra",
        (
            "La facture de ## chaises a été envoyée lundi dernier.",
            "Veuillez rappeler le numéro de commande ##-#### dans votre lettre.",
            "Les frais de livraison s'élèvent à ##,## euros, payables à réception.",
            "Nous vous prions d'agréer, Madame, l'expression de nos sentiments distingués.",
            "Où se trouve le contrat signé par les deux sociétés l'hiver dernier ?",
            "Le garçon de café a été très aimable malgré la chaleur de cet été.",
            "L'hôtel près du château reste fermé jusqu'au ## août.",
            "Ça n'empêche pas que la tâche soit achevée avant Noël.",
        ),
    ),
    "Spanish": Language(
        "spa",
        (
            "La factura de ## sillas se envió el lunes por la mañana.",
            "Indique el número de pedido ##-#### en su próxima carta, por favor.",
            "El plazo de pago es de ## días después de la recepción.",
            "¿Quién recogerá las llaves de la oficina el viernes?",
            "El señor Núñez firmó el contrato según las condiciones acordadas.",
            "¡Muchas gracias por su paciencia durante estos meses difíciles!",
            "La compañía guardará los archivos más antiguos en el almacén de Málaga.",
            "El pingüino llegó también a la exposición del año pasado.",
        ),
    ),
    "Portuguese": Language(
        "por",
        (
            "A fatura de ## cadeiras foi enviada na segunda-feira.",
            "Por favor, indique o número da encomenda ##-#### na sua carta.",
            "O prazo de pagamento é de ## dias após a recepção.",
            "A reunião da administração começa às # horas da manhã.",
            "Não há condições para alterar a decisão até amanhã.",
            "O avô e a avó vivem em São João há quarenta anos.",
            "As informações sobre os preços estão na última página.",
            "Agradecemos a sua atenção e ficamos à sua disposição.",
        ),
    ),
    "Polish": Language(
        "pol",
        (
            "Faktura za ## krzeseł została wysłana w poniedziałek.",
            "Prosimy podać numer zamówienia ##-#### w każdym liście.",
            "Termin płatności wynosi ## dni od dnia otrzymania.",
            "Dziękujemy za cierpliwość i życzymy miłego dnia.",
            "Gdzie można odebrać klucze do biura przy ulicy Długiej?",
            "Spółka przechowuje umowy w magazynie w Łodzi.",
            "Każdy wniosek rozpatrujemy w ciągu tygodnia, również w święta.",
            "Źródło błędu znaleziono dopiero późną jesienią.",
        ),
    ),
    "Czech": Language(
        "ces",
        (
            "Faktura za ## židlí byla odeslána v pondělí.",
            "Uveďte prosím číslo objednávky ##-#### v každém dopise.",
            "Lhůta splatnosti činí ## dní od doručení.",
            "Děkujeme za trpělivost a přejeme hezký den.",
            "Kdo vyzvedne klíče od kanceláře v pátek ráno?",
            "Smlouvy jsou uloženy ve skladu na předměstí Brna.",
            "Žádost vyřídíme během týdne, nejpozději však do čtvrtka.",
            "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        ),
    ),
    "Turkish": Language(
        "tur",
        (
            "## sandalyenin faturası pazartesi günü gönderildi.",
            "Lütfen mektubunuzda ##-#### sipariş numarasını belirtiniz.",
            "Ödeme süresi teslimden sonra ## gündür.",
            "Sabrınız için teşekkür eder, iyi günler dileriz.",
            "Anahtarları cuma sabahı kim alacak?",
            "Sözleşmeler İzmir'deki depoda saklanıyor.",
            "Şirketimiz geçen yıl üç yeni şube açtı.",
            "Yağmurlu günlerde çocuklar içeride oynadı.",
        ),
    ),
    "Chinese": Language(
        "chi_sim",
        (
            "##把椅子的发票已于星期一寄出。",
            "请在来信中注明订单号码####。",
            "付款期限为收到货物后##天。",
            "感谢您的耐心等待，祝您工作顺利。",
            "星期五早上谁来领取办公室的钥匙？",
            "合同保存在上海的仓库里。",
            "公司去年在北京开设了三家新的分店。",
            "会议将于下午#点开始，请准时参加。",
        ),
        spaced=False,
    ),
    "Japanese": Language(
        "jpn",
        (
            "椅子##脚の請求書は月曜日に発送しました。",
            "お手紙には注文番号####をご記入ください。",
            "お支払いは受け取り後##日以内にお願いします。",
            "いつもお世話になっております。",
            "金曜日の朝、事務所の鍵は誰が受け取りますか。",
            "契約書は東京の倉庫に保管されています。",
            "会社は昨年、新しい店を三つ開きました。",
            "会議は午後#時から始まりますので、ご参加ください。",
        ),
        spaced=False,
    ),
}
