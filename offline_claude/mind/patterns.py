"""Patterns: how values look in a text. None has to try a long text twice."""

from __future__ import annotations

import re

from offline_claude.mind.words import exactly

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")

QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”«»]|(?<!\w)'([^']+)'(?!\w)|`([^`]+)`")

NAME = re.compile(r"(?<!^)(?<![.!?]\s)\b(?!I\b)[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")

WEB = re.compile(r"\b(?:https?|ftp)://[^\s<>\"“”]*[\w/]")

PATH = re.compile(
    r"(?<![\w/.@~-])(?:(?:~|\.{1,2})?/[\w./-]*\w|(?:[\w-]+/)+[\w.-]*\w|[\w-]+\.[a-z]\w{0,4})(?![\w@/])"
)

NUMBER = re.compile(
    r"(?<![\w.,/])-?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)(?![\d@]|[.,]\d|[A-Za-z]\w{3})"
)

COUNTS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

COUNT = re.compile(rf"\b(?:{'|'.join(COUNTS[2:])})\b", re.IGNORECASE)

MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)

MONTH = (
    r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)

DATE = re.compile(
    r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?=\D|$)|\b(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})\b"
    rf"|\b(?P<d3>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?(?P<m3>{MONTH}),? (?P<y3>\d{{4}})\b"
    rf"|\b(?P<m4>{MONTH}) (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>\d{{4}})\b",
    re.IGNORECASE,
)

DAY = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|(?:next |last |this )?(?:monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|weekend)|(?:next|last|this) (?:week|month|year)"
    r"|heute|morgen|demain)\b",
    re.IGNORECASE,
)

TIME = re.compile(
    r"(?<![\d:])(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::[0-5]\d)?(?: ?(?P<half>[ap])\.?m\b)?"
    r"|(?<![\w.])(?P<h2>1[0-2]|0?[1-9]) ?(?P<half2>[ap])\.?m\b",
    re.IGNORECASE,
)

WHEN = re.compile(rf"(?:{DAY.pattern})(?: at (?:{TIME.pattern}|noon|midnight))?", re.IGNORECASE)

STREET = re.compile(
    r"\b\d{1,5}[a-z]? (?:[A-Z][\w'.-]{1,30} ){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr"
    r"|Square|Sq|Way|Court|Ct|Place|Boulevard|Blvd|Terrace|Close|Row|Hill)\b"
    r"|\b[A-ZÄÖÜ][\w-]{1,40}(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee) \d{1,4}[a-z]?\b"
)

POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|(?<![\w.,-])\d{5}(?:-\d{4})?(?![\w-])")

PHONE = re.compile(r"(?<![\w-])\+?\(?\d[\d() -]{6,18}\d(?![\w-])")

CODE = re.compile(r"(?<![\w@./-])(?=[\w-]{0,40}\d)[A-Za-z]{1,8}[-_]?\w{1,20}(?:-\w{1,20}){0,4}\b")

CAPITALS = re.compile(r"(?<![\w/])[A-Z]{1,5}(?:\.[A-Z])?(?![\w/])")

ZONE = re.compile(r"\b[A-Z]\w+/[A-Z]\w+(?:/[A-Z]\w+)?\b|\b(?:UTC|GMT|CES?T|[ECMP][SD]T)\b")

MONEY = re.compile(
    r"\b(EUR|USD|GBP|JPY|CHF|INR|CAD|AUD|NZD|CNY|SEK|NOK|DKK|PLN|CZK|MXN|BRL|ZAR|KRW)\b"
    r"|(€|\beuros?\b)|(\$|\b(?:US |american )?dollars?\b)|(£|\b(?:british )?pounds?\b)|(¥|\byen\b)"
    r"|(\b(?:swiss )?francs?\b)|(₹|\brupees?\b)",
    re.IGNORECASE,
)

MONEY_CODES = ("", "EUR", "USD", "GBP", "JPY", "CHF", "INR")

LANGUAGE = re.compile(
    r"\b(?:English|German|French|Spanish|Italian|Portuguese|Dutch|Polish|Czech|Swedish|Danish"
    r"|Norwegian|Finnish|Greek|Turkish|Russian|Ukrainian|Arabic|Hebrew|Hindi|Chinese|Mandarin"
    r"|Japanese|Korean|Vietnamese|Latin|Python|JavaScript|TypeScript|Java|Rust|Deutsch)\b",
    re.IGNORECASE,
)

PLAIN = {
    "url": WEB,
    "phone": PHONE,
    "language": LANGUAGE,
    "day": DAY,
    "when": WHEN,
    "street": STREET,
    "postcode": POSTCODE,
}
"""Kinds of values that are as they are written, by name."""

OPERATORS = (
    (r"\bmultiplied by\b|\btimes\b|×|·", "*"),
    (r"\bdivided by\b|\bover\b(?= \d)|÷", "/"),
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|−", "-"),
    (r"\bto the power of\b|\^", "**"),
    (r"\bsquared\b", "** 2"),
    (r"(?<=\d) ?(?:%|percent) of\b", "/ 100 *"),
    (r"\b(?:the )?square root of (\d[\d.]*)", r"sqrt(\1)"),
)

TERM = r"[(-]{0,4}(?:sqrt\()?\d[\d.]*\){0,4}"

SUM = re.compile(rf"(?<![\w.)]){TERM}(?: ?(?:\*\*|[-+*/%]) ?{TERM})+|\bsqrt\(\d[\d.]*\)")

CAPITALISED = re.compile(
    r"\b(?:[A-ZÀ-Þ][\w'’-]*|(?<= )(?:de|van|von|der|of|the)(?= [A-Z]))"
    r"(?: (?:[A-ZÀ-Þ][\w'’-]*|(?:de|van|von|der|of|the)(?= [A-Z])))*"
    r"(?:, [A-Z]{2}\b)?"
)

NOT_A_NAME = exactly(
    "i a an the this that these those what which who whom whose when where why how is are was were "
    "do does did can could will would shall should may might must please and or but if then so not "
    "no yes ok okay hello hi hey thanks thank dear also now it its he she they we you my your his "
    "her our their there here in on at by for from to of with about add apply ask book buy "
    "calculate call cancel change check classify compute convert count create delete describe "
    "display divide "
    "email explain extract fetch find get give help invite list look make move multiply open order "
    "orders note parse pay place play print put read record refund remember remove report reserve "
    "reset run save schedule search see send set show start stop subtract sum summarise summarize "
    "tell text track translate turn update use write analyse analyze let invoice ticket customer "
    "today tomorrow yesterday tonight monday tuesday wednesday thursday friday saturday sunday "
    "january february march april may june july august september october november december json "
    "name age city email title summary wie was wo wann wer warum bitte ist und der die das zeige "
    "quel quelle quels où est le la les un une what's who's where's how's it's i'm i'd i've let's "
    "answer question input output document review article data message subject high low medium "
    "urgent each every all positive negative"
)
