"""An independent check of the medical rows: the gold read back from the prompt's text alone.

It knows the word lists of `data/medical` and the form of a note, and shares no code with what draws, tells or verifies. It
brings a visit into the note's words (numbers, units, lay words, misheard names, values taken back), then holds every item
of the answer against the sentences that speak of it, and every term of the text against the answer. Run as a script it
reads 10,000 rows: `python tests/contract/check_medical.py 10000`.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

LISTS = Path(__file__).resolve().parents[2] / "data" / "medical"
NUMBERS = {
    word: i for i, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), 1)
}
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS |= {word: i for i, word in enumerate(TEENS, 10)} | {word: 10 * i for i, word in enumerate(TENS, 2)}
WORD = "|".join(sorted((*NUMBERS, "hundred", "thousand"), key=len, reverse=True))
UNIT = r"(?:mg|mcg|units?|puffs?|sachets?)"
DOSE = rf"\d+ {UNIT}"
TIME = r"\d+ (?:day|week|month|year)s?"
SIDE = r"on (?:the left|the right|both sides)"
DUE = {
    "the patient": (r"\b(?:mr|ms|mrs)\b|year old", "year old"),
    "no allergies": (
        r"\b(?:no|any|denies) (?:known )?allergies(?:, by the way)?\.|allergies, none",
        "allergies : none",
    ),
    "how bad": (r"\d out of 10", "out of 10"),
}
"""What a text may speak of, and what its note then holds."""
UNITS = r"mg|mcg|kg|cm|percent|units?|puffs?|sachets?|days?|weeks?|months?|years?"
VALUE = rf"(?:{SIDE}|a (?:day|week|month|year)|\d+(?:\.\d+)?(?: over \d+)?(?: (?:{UNITS}))?)"
TAKEN_BACK = (
    r"(?:no|no, sorry|no, wait|sorry|i mean|actually|or rather|hold on|make that|let me correct that|that is wrong|"
    r"that's not right|no, that was before|or was it, no|scratch that|strike that|"
    r"no, not that|excuse me|pardon|i was wrong|"
    r"no, it is|or better|no, better)"
)
DENIES = (
    r"\b(?:do not have|do not get|do not see|do not feel|does not have|did not notice|"
    r"have not felt|can't find|don't have any|"
    r"nobody ever found|was never any|never|don't have|haven't had|have no|had no|never had|never any|"
    r"didn't get|has not had|there is no|there was no|can't see|"
    r"no|deny|denies|denied|negative for|without|neither|nor|free of|spared|"
    r"not so for|that isn't true of|not)\b(?! only)"
)
AFFIRMS = r"\b(?:have|has|had|get|is|there is|yes|reports|but|rather|instead|only|positive for|mention|with)\b"
DENIED_AFTER = (
    r",? (?:is denied|is absent|was not reported|absent|no\.|but (?:no\.|the(?:re|ir) was none|it never came)|"
    r"none\b|negative|not present|not found|not seen|not known|never\.|not that|i don't have that|both (?:no|"
    r"absent)|no,? [a-z ]+ yes\.|and [a-z ]+, (?:both (?:no|absent)|neither)|neither|"
    r"is not something i have|nothing i ever had|is nothing)"
)
STOPPED = (
    r"stopped|\bquit\b|gave up|give up|no longer|came off|don't take|not any more|"
    r"off it|until|discontinued|is off|without it|"
    r"not since|history|is over|\boff\b|done with|not on\b|not taking"
)
GONE = rf"(?P<w>(?:[a-z ]+ )?(?:\d+ years old|{VALUE}))"
MEANT = rf"(?P<r>\d+ years old|{VALUE})"
LATE = (
    rf"i said {GONE} (?:before|earlier),? (?:but it is|it should be|i meant) {MEANT}",
    rf"(?:myself|mistake|correction|that),? not {GONE},? {MEANT}",
    rf"you said {GONE}\? patient: (?:no, sorry|i misspoke|my mistake),? {MEANT}",
    rf"scratch the {GONE} (?:from before|i gave you),? {MEANT} is true",
    rf"strike {GONE} above,? {MEANT}",
    rf"(?:it was not|not) {GONE},? (?:as i said|sorry),? (?:it is|but) {MEANT}",
    rf"i (?:gave you|said) {GONE},? (?:that was wrong|that is not right|wrong, it is|wrong, should be),? {MEANT}",
)


@cache
def lists(name: str) -> dict:
    return yaml.load((LISTS / f"{name}.yaml").read_text(), yaml.CSafeLoader)


@cache
def terms() -> dict[str, set[str]]:
    """The known terms by kind, of both sides and of the lists that they share."""
    shared = lists("common")
    found = {name: set(shared[name]) for name in ("history", "runs", "allergies", "symptoms", "plan")}
    found |= {"drugs": set(shared["drugs"]), "how": {*shared["courses"], *shared["severities"]}}
    for group in (*lists("train").values(), *lists("exam").values()):
        for kind in ("complaints", "symptoms", "findings", "assessments", "plan"):
            found.setdefault(kind, set()).update(group[kind])
    return found


@cache
def whole(term: str) -> re.Pattern[str]:
    """A term as whole words."""
    return re.compile(rf"\b{re.escape(term)}\b")


def digits(text: str) -> str:
    """Number words as digits."""

    def number(match: re.Match[str]) -> str:
        whole, part = 0, 0
        for word in match[0].split():
            if word == "thousand":
                whole, part = part * 1000, 0
            else:
                part = part * 100 if word == "hundred" else part + NUMBERS[word]
        return str(whole + part)

    return re.sub(rf"\b(?:{WORD})(?: (?:{WORD}))*\b(?! of the|: )", number, text)


@cache
def replacements() -> list[tuple[str, str]]:
    """Everything a note says in other words than a visit: lay words, misheard names, units, frequencies."""
    shared = lists("common")
    pairs = [(said, term) for term, words in shared["lay"].items() for said in words]
    pairs += [(drug["heard"], name) for name, drug in shared["drugs"].items() if "heard" in drug]
    pairs += [(said, unit) for unit, words in shared["units"].items() for said in words]
    pairs += [(digits(said), often) for often, words in shared["often"].items() for said in words]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def plain(text: str) -> str:
    """A visit in the words of a note, lower case, one line."""
    text = re.sub(r"\b(mr|ms|mrs)\.", r"\1", " ".join(text.lower().split()))
    for filler in lists("common")["fillers"]:
        text = re.sub(rf"(?:, |(?<=[:.?] )){filler.lower()}, ", " ", text) if f"{filler.lower()}, " in text else text
    text = digits(" ".join(text.split()))
    for said, milligrams in (("a quarter of a gram", 250), ("half a gram", 500)):
        text = text.replace(said, f"{milligrams} mg")
    text = re.sub(r"(\d+(?:\.\d+)?) (?:grams?|g)\b", lambda m: f"{round(float(m[1]) * 1000)} mg", text)
    text = text.replace("a couple of", "2")
    for said, term in replacements():
        text = whole(said).sub(term, text) if said in text else text
    text = re.sub(rf"\b{VALUE},? {TAKEN_BACK},? (?={VALUE})", "", text)
    return re.sub(r"\ba (day|week|month|year)\b(?! long)", r"1 \1", text)


def sentences(text: str) -> list[str]:
    """Sentences; a question goes with the first sentence of the reply to it."""
    turns = re.split(r" ?\b(?:doctor|patient|nurse): ", text)
    spoken = [re.split(r"(?<=[.?!]) ", turn) for turn in turns if turn]
    joined: list[str] = []
    for i, turn in enumerate(spoken):
        asks = len(spoken) > 1 and turn[-1].endswith("?") and i + 1 < len(spoken)
        joined += turn[:-1] if asks else turn
        if asks:
            spoken[i + 1] = [f"{turn[-1]} > {spoken[i + 1][0]}", *spoken[i + 1][1:]]
    return joined


def speaking_of(term: str, told: list[str]) -> list[str]:
    """The sentences that name a term."""
    return [sentence for sentence in told if term in sentence and whole(term).search(sentence)]


def denied(term: str, sentence: str) -> bool:
    """Whether a sentence (with the question it replies to) denies a term."""
    question, reply, answer = sentence.rpartition(" > ")
    spoken = whole(term)
    if reply and not spoken.search(answer):
        if re.search(rf"\bno {re.escape(term)}", question):
            return True
        if "the first" in answer:
            first = question.find(term) < min(question.find(joint) for joint in (" and ", " or ") if joint in question)
            return bool(re.search("first,? (?:1 )?no", answer)) == first
        return bool(
            re.match(
                r"(?:no|nope|none|neither|not|never|it doesn't|it does not|oh no|i don't|i have neither|i have none|"
                r"i never|there is none)\b",
                answer,
            )
        )
    said = spoken.search(answer)
    before, after = answer[: said.start()], answer[said.end() :]
    if re.match(r",? yes\b", after):
        return False
    if re.match(DENIED_AFTER, after):
        return True
    if (
        re.search(r"the patien(?:t|ce) (?:does not|never had it)|, not (?:the patien(?:t|ce)|me)", after)
        or "family side only" in before
    ):
        return True
    cues = [(m.end(), True) for m in re.finditer(DENIES, before)]
    cues += [(m.end(), False) for m in re.finditer(AFFIRMS, before) if not re.search(DENIES + r"$", before[: m.end()])]
    return max(cues, default=(0, False))[1]


def wrong_with_note(prompt: str, answer: str) -> Iterator[str]:
    """What is wrong with a note: items that the text does not bear out, and terms of the text that it lacks."""
    text = mended(plain(prompt.partition("\n")[2]))
    told = sentences(text)
    said = answer.lower()
    for line in said.splitlines():
        section, _, items = line.partition(" : ")
        for number, item in enumerate(items.split(" ; ")):
            if not borne_out(section, item, number, text, told):
                yield f"not borne out: {section} : {item}"
    yield from (f"left out: {term}" for term in named(text) if not whole(term).search(said))
    yield from (
        f"left out: {what}" for what, (told_of, noted) in DUE.items() if due(text, told_of) and noted not in said
    )
    for vital in lists("common")["vitals"]:
        if re.search(rf"\b{vital}\b[^.@]*?(?<!@)\b\d", without_terms(text)) and not whole(vital).search(said):
            yield f"left out: {vital}"
    spans = [
        span
        for one in told
        if not re.search(r"\bage\b", one)
        for span in re.findall(rf"\b{TIME}\b(?! (?:old|of age))", one)
    ]
    yield from (f"left out: {span}" for span in {*spans, *re.findall(DOSE, text)} if span not in said)


def mended(text: str) -> str:
    """The text with a value that is taken back at the end put right where it was first said."""
    for pattern in LATE:
        if match := re.search(pattern, text):
            text = f"{text[: match.start()]} {text[match.end() :]}"
            wrong, right = (match[name].strip().removesuffix(" years old") for name in ("w", "r"))
            value = re.search(rf"{VALUE}$", wrong)[0]
            subject = text.index(wrong.removesuffix(value).strip())
            first = min(
                re.finditer(rf"(?<![\d.]){re.escape(value)}\b", text), key=lambda found: abs(found.start() - subject)
            )
            return text[: first.start()] + right + text[first.end() :]
    return text


def due(text: str, told_of: str) -> bool:
    """Whether a text speaks of something."""
    return bool(re.search(told_of, text))


def named(text: str) -> set[str]:
    """The known terms that a text names, the longest where one holds another."""
    found: set[str] = set()
    text = text.replace("how severe is it", "")
    for term in every_term():
        if term in text and whole(term).search(text):
            found.add(term)
            text = whole(term).sub("@", text)
    return found


def without_terms(text: str) -> str:
    """The text with every known term as @."""
    for term in every_term():
        text = whole(term).sub("@", text) if term in text else text
    return text


@cache
def every_term() -> tuple[str, ...]:
    return tuple(sorted(set().union(*terms().values()), key=lambda term: (-len(term), term)))


def borne_out(section: str, item: str, number: int, text: str, told: list[str]) -> bool:
    """Whether the text says what an item of a section says."""
    match section:
        case "patient":
            age, sex = re.fullmatch(r"(\d+) year old (man|woman)", item).groups()
            titles = {"man": r"\bmr\b|old man\b", "woman": r"\bms\b|\bmrs\b|old woman\b"}
            return bool(re.search(rf"\b{age}\b", text) and re.search(titles[sex], text))
        case "complaint" if number:
            value = item.removeprefix("for ")
            return bool(whole(value.removeprefix("since ")).search(text))
        case "symptoms" | "findings" | "history":
            name = item.removeprefix("no ")
            return any(denied(name, one) == item.startswith("no ") for one in speaking_of(name, told)[:1])
        case "family":
            who, illness = item.split(" ", 1)
            return any(re.search(rf"\b{who}\b", one) for one in speaking_of(illness, told))
        case "medication":
            return medication(item, told, text)
        case "allergies" if item == "none":
            return any(re.search(r"allerg|react|keep away", one) and re.search(NONE, one) for one in told)
        case "allergies":
            return any(re.search(r"allerg|react|keep away|must avoid", one) for one in speaking_of(item, told))
        case "vitals":
            name = next(name for name in lists("common")["vitals"] if item.startswith(name))
            value = item.removeprefix(name).strip()
            return bool(re.search(rf"\b{name}\b[^\d]*(?<![\d.]){re.escape(value)}\b", text))
        case "plan" if item.startswith("start "):
            return medication(item.removeprefix("start "), told, text)
    return bool(speaking_of(item.removeprefix("return "), told))


NONE = r"denies|\bno\b|\bnone\b|nothing|not a thing|don't have any|not allergic|not that i know|without|not known|to nothing"


def medication(item: str, told: list[str], text: str) -> bool:
    """Whether a medicine is taken as the item says: its doses in order, its frequency, taken or stopped."""
    if item.startswith("stopped "):
        return any(re.search(STOPPED, one) for one in speaking_of(item.removeprefix("stopped "), told))
    form = rf"(?P<name>[a-z ]+?)(?: (?P<dose>{DOSE}) (?P<often>[a-z0-9 ]+?)(?: \( was (?P<was>{DOSE}) \))?)?"
    match = re.fullmatch(form, item)
    about = speaking_of(match["name"], told)
    doses = [match["was"], match["dose"]] if match["was"] else [match["dose"]] if match["dose"] else []
    return any(
        [re.sub(r"s$", "", dose) for dose in re.findall(DOSE, one)] == [re.sub(r"s$", "", dose) for dose in doses]
        and (not match["often"] or match["often"] in one)
        and (bool(match["was"]) or not re.search(STOPPED, one))
        for one in about
    )


def wrong_with_summary(prompt: str, answer: str) -> Iterator[str]:
    """What is wrong with a summary."""
    form = (
        rf"(?:(?P<age>\d+) year old (?P<sex>man|woman)|patient) with (?P<what>.+?)"
        rf"(?: for (?P<span>{TIME})| since (?P<since>[A-Za-z ]+))?(?: ; assessed as (?P<z>[^;]+?))?(?: ; plan (?P<plan>.+))?"
    )
    match = re.fullmatch(form, answer)
    if match is None:
        yield f"no summary: {answer}"
        return
    text = mended(plain(prompt.partition("\n")[2]))
    parts = [match[name] for name in ("age", "what", "span", "since", "z") if match[name]]
    for part in [*parts, *(match["plan"] or "").split(" , ")]:
        if not whole(part.lower()).search(text):
            yield f"not borne out: {part}"
    if match["sex"] and not re.search(
        {"man": r"\bmr\b|old man\b", "woman": r"\bms\b|\bmrs\b|old woman\b"}[match["sex"]], text
    ):
        yield f"not borne out: {match['sex']}"
    due_terms = named(text) & (terms()["assessments"] | terms()["plan"]) - terms()["symptoms"]
    yield from (f"left out: {term}" for term in due_terms if not whole(term).search(answer))


def wrong_with_reply(prompt: str, answer: str) -> Iterator[str]:
    """What is wrong with a short answer: it is not what the note in the prompt says."""
    note, _, question = prompt.partition("\nQuestion: ")
    parts = {line.partition(" : ")[0]: line.partition(" : ")[2].split(" ; ") for line in note.splitlines()[1:]}
    expected = looked_up(parts, question.lower())
    if answer.lower() != expected.lower():
        yield f"the note says {expected}, not {answer}"


def looked_up(parts: dict[str, list[str]], question: str) -> str:
    """The answer to a question, from the note's sections."""
    complaint, plan = parts.get("Complaint", [])[1:], parts.get("Plan", [])
    medicines = [*parts.get("Medication", []), *(one[6:] for one in plan if one.startswith("start "))]
    first = {
        r"how old|the age\.|how many years|^age\b": next(iter(re.findall(r"^\d+", parts.get("Patient", [""])[0])), ""),
        r"(?:medicine|drug|medication) (?:is started|was started|was prescribed)|"
        r"new (?:medicine|drug)|begins now|(?:start|begin) to take": next(
            (re.match(r"start ([a-z ]+?)(?= \d|$)", one)[1] for one in plan if one.startswith("start ")), ""
        ),
        r"was stopped|patient stop|no longer (?:taken|used)|given up": next(
            (one[8:] for one in medicines if one.startswith("stopped ")), ""
        ),
        r"allerg|must the patient avoid": parts.get("Allergies", [""])[0],
        r"assessment|diagnosis|impression|does the patient have\?|doctor think|label was|doctor's view": parts.get(
            "Assessment", [""]
        )[0],
        r"should the patient return|return\?|come back|next visit|next look": next(
            (one[10:] for one in plan if one.startswith("return in ")), ""
        ),
        r"which side|left or right|what side|^side|the side\.": next(
            (one for one in complaint if one.startswith("on ")), ""
        ),
        r"how severe|how bad|how strong|severity|what grade|does it (?:hurt|bother)": next(
            (one for one in complaint if re.match(r"\d+ out of|mild|moderate|severe|very severe", one)), ""
        ),
        r"how is it developing|the course|has it changed|better or worse|which way|is it changing": next(
            (one for one in complaint if one in lists("common")["courses"]), ""
        ),
        r"how long (?:has|is)|how long it has|since when|when did it|the duration|how long ago|since what time": next(
            (re.sub("^for ", "", one) for one in complaint if one.startswith(("for ", "since "))), ""
        ),
    }
    return about_a_term(parts, medicines, question) or next(
        (value or "not stated" for pattern, value in first.items() if re.search(pattern, question)), "no such question"
    )


def about_a_term(parts: dict[str, list[str]], medicines: list[str], question: str) -> str:
    """The answer to a question that names a medicine, an illness or a measurement; nothing where it names none."""
    forms = {
        "was": r"^(.+?), what dose before|^(.+?), what was the old|old dose of (.+?)\.|dose of (.+?) before|"
        r"earlier dose of (.+?)\?|strength was (.+?) moved",
        "dose": r"dose of (.+?)(?: does the| is given| is noted| is stated|\?|\.)|how much (.+?) (?:does|is)|"
        r"strength is (.+?) used|^(.+?), (?:what dose|how much)\?|dose is (.+?) (?:taken|given)",
        "often": r"how often is (.+?) taken|patient take (.+?)\?|should (.+?) be taken|frequency of (.+?)\.|"
        r"many times is (.+?) taken|schedule is (.+?) used|"
        r"^(.+?), how often|^when is (.+?) taken|times a day is (.+?) taken",
        "relative": r"family (?:has|had) (.+?)\?|relative (?:has|had) (.+?)\?|"
        r"^((?!who).+?) in the family|affected by (.+?)\?|"
        r"noted with (.+?)\?|relative with (.+?)\.",
        "own": r"personally have (.+?)\?|ever have (.+?)\?|themselves have (.+?)\?|^is (.+?) in the patient's|"
        r"was (.+?) ever the|^(.+?) (?:before|in the past), yes or no|^(?:has|"
        r"did) the patient (?:had|ever have) (.+?)(?: before)?\?",
        "sign": r"patient have (.+?)\?|^is there (?:any )?(.+?)\?|^any (.+?)\?|^has the patient (.+?)\?|"
        r"patient report (.+?)\?|^is (.+?) part of|"
        r"^(.+?), yes or no|^(?:was|is) (.+?) (?:reported|present|noted)\?|^do we find (.+?)\?|note tell of (.+?)\?",
    }
    for kind, form in forms.items():
        match = re.search(form, question)
        about = next((group for group in match.groups() if group), "") if match else ""
        if not about or about == "allergies":
            continue
        if kind in ("was", "dose", "often"):
            return medicine_fact(medicines, about, kind)
        if kind == "relative":
            return next(
                (one.split(" ", 1)[0] for one in parts.get("Family", []) if one.split(" ", 1)[1] == about), "not stated"
            )
        signs = [*parts.get("Symptoms", []), *parts.get("History", [])]
        return "yes" if about in signs else "no" if f"no {about}" in signs else "not stated"
    vital = next((name for name in lists("common")["vitals"] if re.search(rf"\b{name}\b", question)), "")
    found = [one.removeprefix(vital).strip() for one in parts.get("Vitals", []) if vital and one.startswith(vital)]
    return (found[0] if found else "not stated") if vital else ""


def medicine_fact(medicines: list[str], name: str, kind: str) -> str:
    """Dose, frequency or earlier dose of a medicine in the note."""
    form = rf"{re.escape(name)} (?P<dose>{DOSE}) (?P<often>[a-z0-9 ]+?)(?: \( was (?P<was>{DOSE}) \))?"
    found = [match[kind] for match in (re.fullmatch(form, one) for one in medicines) if match]
    return (found[0] if found else None) or "not stated"


def wrong(prompt: str, answer: str) -> list[str]:
    """What is wrong with a row, read from its text alone."""
    if "\nQuestion: " in prompt:
        return list(wrong_with_reply(prompt, answer))
    if " : " in answer:
        return list(wrong_with_note(prompt, answer))
    return list(wrong_with_summary(prompt, answer))


def rows(count: int, side: str = "train") -> Iterator[tuple[str, str]]:
    """Prompt and answer of that many random streams, seen and held-out phrases in turn; and the refusals, as (reason, "")."""
    from factory.config import load
    from factory.specialist import Inapplicable, find

    task = find("medical")
    settings = task.typed(load(["specialist=medical"]).specialist.settings)
    for index in range(count):
        try:
            row = task.example(index, 7, settings, side, held_out=index % 2 == 1)
        except Inapplicable as none:
            yield str(none), ""
            continue
        yield row.prompt, row.answer


def main(count: int) -> int:
    """Checks that many rows of each side and prints the figures; 1 where any is wrong."""
    bad = 0
    for side in ("train", "exam"):
        start, made = time.process_time(), list(rows(count, side))
        speed = count / (time.process_time() - start)
        refused = Counter(prompt for prompt, answer in made if not answer)
        found = [(p, a, faults) for p, a in made if a and (faults := wrong(p, a))]
        bad += len(found)
        print(f"{side}: {len(found)} of {count} wrong; {speed:.0f} rows/s drawn and told; refused {dict(refused)}")
        for prompt, answer, faults in found[:5]:
            print(faults, prompt, "->", answer, sep="\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
