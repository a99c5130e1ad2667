"""Lessons of clinical talk for the embedded base: reading visits, sayings, numbers and units. Synthetic, no real patient.

Each lesson is `name(rng, level) -> (context, pairs of question and answer)`; `level` (0 to 1) grows the visits and the
hard things in them. Only groups of the training side and seen phrases are used, and a third of the visits has random
words for its terms. No lesson asks for a whole note or a summary, and what is asked of a chart is put in other words than
the medical specialist's.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from factory.specialists.medical.draw import TRAP_WEIGHTS, Draft, ranked, renamed
from factory.specialists.medical.lists import common, groups
from factory.specialists.medical.note import note, onset, patient, sections
from factory.specialists.medical.render import Telling
from factory.specialists.medical.say import Voice, number_words, parsed
from factory.specialists.medical.state import Encounter, State, amount, convertible
from factory.text import random_word

Pair = tuple[str, str]
UNSAID = "not said"
WAYS = {
    "complaint": "[Why does the patient come?|What is the main complaint?|What is wrong?|What brings the patient here?]",
    "onset": "[Since when?|How long has it been there?|When did it begin?|For how long?]",
    "who": "[Who is the patient?|Age and sex?|Describe the patient.|Who is it?]",
    "age": "[How old is the patient?|Which age?|The age?]",
    "sex": "[Man or woman?|Is the patient a man or a woman?]",
    "course": "[How does it change?|How is it developing?]",
    "severity": "[How bad is it?|How strong is it?]",
    "side": "[Which side?|Where is it?]",
    "sign": "[Does the patient have {x}?|Is there {x}?|Was {x} found or felt?|{x}, yes or no?]",
    "own": "[Is the {x} the patient's own?|Does the patient personally have {x}?|Own illness or not, {x}?]",
    "whose": "[Whose is the {x}?|Who has {x}?|The {x} is whose?]",
    "takes": "[Which medicines does the patient take?|What is taken at present?|Name the medicines in use.]",
    "stopped": "[Which medicine is no longer taken?|What was stopped?|Name the medicine that was given up.]",
    "dose": "[What dose of {x}?|How much {x}?|The dose of {x} now?|How strong is the {x}?]",
    "often": "[How often {x}?|When is {x} taken?|The frequency of {x}?]",
    "was": "[What was the dose of {x} earlier?|How much {x} was it before?]",
    "medicine": "[Write the {x} with its dose.|{x} in full?|Put down the {x}.]",
    "begins": "[Which medicine is new?|What will the patient start to take?]",
    "allergy": "[Allergic to what?|Which allergy is there?|What can the patient not have?]",
    "vital": "[What is the {x}?|How high is the {x}?|{x}?|Which {x} was read?]",
    "assessment": "[What is it, in the doctor's view?|Which illness does the doctor see?|What does the doctor think?]",
    "plan": "[What will be done?|What does the doctor suggest?|List what was planned.]",
    "back": "[When do they meet again?|When is the next visit?]",
    "symptoms": "[List the symptoms.|Which symptoms were spoken of?|Symptoms, with yes or no?]",
    "present": "[Which symptoms are there?|List the symptoms that the patient has.]",
    "denied": "[Which symptoms are denied?|List what the patient does not have.]",
    "findings": "[What did the doctor find?|List the findings.]",
    "slip": "[Which value was wrong at first?|What was said by mistake?|Which value was taken back?]",
    "lines": "[Write {x}.|Put down {x}.|The lines for {x}?|{x}, please.]",
    "place": "[Where in the chart does {x} go?|Under which heading is {x}?|Which heading for {x}?]",
}


def visit(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A dialogue or a dictation, and six to eight questions: single facts, and some lines of its note."""
    state = drawn(rng, level)
    voice = Voice(state, rng, held_out=False)
    context = Telling(voice, "" if state.form == "dialogue" else "d_").text()
    return context, asked(rng, state, list(questions(rng, state))) + lines(rng, state)


def chart(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A note and six to eight questions about single facts."""
    state = drawn(rng, level)
    asks = [pair for pair in questions(rng, state) if pair[0].split()[0] not in ("slip", "place")]
    return f"Chart:\n{note(state.encounter)}", asked(rng, state, asks)


def asked(rng: Random, state: State, asks: list[Pair]) -> list[Pair]:
    """Five to seven of the questions and one that cannot be answered, in words."""
    unsaid = [pair for pair in asks if pair[1] == UNSAID]
    said = list(dict.fromkeys(pair for pair in asks if pair[1] != UNSAID))
    chosen = rng.sample(said, min(len(said), rng.randint(5, 7))) + rng.sample(unsaid, min(len(unsaid), 1))
    plain = Voice(state.model_copy(update={"traps": ()}), rng, held_out=False)
    pairs = [(plain.fill(parsed(WAYS[kind.partition(" ")[0]]), {"x": kind.partition(" ")[2]}), a) for kind, a in chosen]
    rng.shuffle(pairs)
    return pairs


def lines(rng: Random, state: State) -> list[Pair]:
    """Two to four lines of the note, asked for by their headings; never all of them."""
    told = {name: items for name, items in sections(state.encounter).items() if items}
    most = min(4, len(told) - 1)
    if most < 2:
        return []
    chosen = sorted(rng.sample(list(told), rng.randint(2, most)), key=list(told).index)
    heads = f"{' , '.join(chosen[:-1])} and {chosen[-1]}"
    way = rng.choice(WAYS["lines"].strip("[]").split("|"))
    return [(way.format(x=heads), "\n".join(f"{name} : {' ; '.join(told[name])}" for name in chosen))]


def drawn(rng: Random, level: float) -> State:
    """An encounter of a training group as large and as hard as the level says; every third of random words."""
    traps = ranked(rng, TRAP_WEIGHTS)[: rng.randint(0, 1 + round(3 * level))]
    draft = Draft(rng, rng.choice(groups("train")), traps)
    encounter = draft.encounter(rng.randint(3, 4 + round(4 * level)))
    lay = tuple(term for term in draft.used if term in common().lay and rng.random() < 0.5)
    state = State(
        group=draft.group.name,
        task="note",
        form="dictation" if rng.random() < 0.35 else "dialogue",
        difficulty="easy",
        traps=tuple(traps),
        encounter=encounter,
        slip=draft.slip(encounter),
        lay=lay,
    )
    return renamed(rng, state) if rng.random() < 0.33 else state


def questions(rng: Random, state: State) -> Iterator[Pair]:
    """Every question about the state, as its kind with what it is about, and the answer."""
    encounter, complaint = state.encounter, state.encounter.complaint
    yield "complaint", complaint.name
    yield "onset", onset(complaint) or UNSAID
    if encounter.age:
        yield from (("who", patient(encounter)), ("age", str(encounter.age)), ("sex", encounter.sex))
    for kind in ("course", "severity", "side"):
        if value := getattr(complaint, kind):
            yield kind, value
    yield "assessment", encounter.assessment or UNSAID
    yield "allergy", encounter.allergies[0] if encounter.allergies else UNSAID
    if encounter.plan:
        yield "plan", " ; ".join(encounter.plan)
    if encounter.back:
        yield "back", f"in {encounter.back.text()}"
    yield from (("vital " + vital.name, vital.value) for vital in encounter.vitals)
    if state.slip:
        yield "slip", state.slip.wrong
    yield from about_signs(rng, encounter)
    yield from about_family(encounter)
    yield from about_medicines(encounter)
    yield from places(rng, encounter)


def about_signs(rng: Random, encounter: Encounter) -> Iterator[Pair]:
    """Symptoms and findings: there or not, one by one and as lists."""
    for sign in (*encounter.symptoms, *encounter.findings):
        yield f"sign {sign.name}", "yes" if sign.present else "no"
    absent = rng.choice(common().words["symptoms"]) if rng.random() < 0.5 else f"{random_word(rng)} {random_word(rng)}"
    if all(absent not in sign.name for sign in (*encounter.symptoms, *encounter.findings)):
        yield f"sign {absent}", UNSAID
    if signs := encounter.symptoms:
        yield "symptoms", " ; ".join(sign.text() for sign in signs)
        yield "present", " ; ".join(sign.name for sign in signs if sign.present) or "none"
        yield "denied", " ; ".join(sign.name for sign in signs if not sign.present) or "none"
    if encounter.findings:
        yield "findings", " ; ".join(sign.text() for sign in encounter.findings)


def about_family(encounter: Encounter) -> Iterator[Pair]:
    """Whose an illness is: the patient's own or a relative's."""
    own = {sign.name: sign.present for sign in encounter.history}
    for illness, present in own.items():
        yield f"own {illness}", "yes" if present else "no"
        if present:
            yield f"whose {illness}", "the patient"
    for one in encounter.family:
        yield f"whose {one.illness}", f"the {one.who}"
        if one.illness not in own:
            yield f"own {one.illness}", UNSAID


def about_medicines(encounter: Encounter) -> Iterator[Pair]:
    """Medicines with dose, frequency and earlier dose; those that were stopped and those that are new."""
    taken = [one for one in encounter.medications if not one.stopped]
    yield "takes", " ; ".join(one.name for one in taken) or "none"
    yield "stopped", next((one.name for one in encounter.medications if one.stopped), "none")
    if encounter.start:
        yield "begins", encounter.start.name
    for one in [*taken, *([encounter.start] if encounter.start else [])]:
        if one.dose is None:
            yield f"dose {one.name}", UNSAID
            continue
        yield f"dose {one.name}", amount(one.dose, one.unit)
        yield f"often {one.name}", one.often
        yield f"medicine {one.name}", one.text()
        if one.was is not None:
            yield f"was {one.name}", amount(one.was, one.unit)


def places(rng: Random, encounter: Encounter) -> Iterator[Pair]:
    """The heading that two of the terms belong under."""
    found = [(f"place {encounter.complaint.name}", "Complaint")]
    found += [(f"place {sign.name}", "Symptoms") for sign in encounter.symptoms]
    found += [(f"place {sign.name}", "Findings") for sign in encounter.findings]
    found += [(f"place {sign.name}", "History") for sign in encounter.history if sign.present]
    found += [(f"place {one.illness}", "Family") for one in encounter.family if not encounter.history]
    found += [(f"place {one.name}", "Medication") for one in encounter.medications]
    found += [(f"place {name}", "Allergies") for name in encounter.allergies if name != "none"]
    found += [(f"place {encounter.assessment}", "Assessment")] if encounter.assessment else []
    found += [(f"place {item}", "Plan") for item in encounter.plan]
    return iter(rng.sample(found, min(2, len(found))))


def sayings(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Single sayings of a visit, each to be put down in short."""
    pairs: list[Pair] = []
    while len(pairs) < 6:
        state = drawn(rng, level)
        if state.slip and state.slip.late:
            continue
        telling = Telling(Voice(state, rng, held_out=False), "" if state.form == "dialogue" else "d_")
        items = sections(state.encounter)
        acts = {
            "Symptoms": telling.symptoms,
            "Medication": telling.medications,
            "Findings": telling.findings,
            "Vitals": telling.vitals,
            "Allergies": telling.allergies,
            "Family": telling.history,
            "History": telling.history,
        }
        told = [name for name in acts if items[name] and not (name in ("Family", "History") and both(state.encounter))]
        if told:
            section = rng.choice(told)
            acts[section]()
            pairs.append((put_down(rng, telling, section), " ; ".join(items[section])))
    return "", pairs


def both(encounter: Encounter) -> bool:
    """Whether own and family history are told together, so that one saying holds two sections."""
    return bool(encounter.history and encounter.family)


def put_down(rng: Random, telling: Telling, section: str) -> str:
    """What was said, with the question how it goes down."""
    frame = rng.choice(("{t}\nIn short?", "Put down in short: {t}", "{t}\nWhat goes down under {s}?"))
    return frame.format(t=telling.told(), s=section)


def conversions(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Number words, units, frequencies, lay words and misheard names, each to be written as a note does."""
    kinds = [counted, dosed, dosed, frequency, lay_word, misheard, corrected]
    return "", [rng.choice(kinds)(rng) for _ in range(7)]


def voice(rng: Random, *traps: str) -> Voice:
    """A voice that says single values, with the hard things asked for."""
    state = drawn(rng, 0).model_copy(update={"traps": traps, "slip": None, "lay": ()})
    return Voice(state, rng, held_out=False)


def counted(rng: Random) -> Pair:
    number = rng.randint(1, 99) if rng.random() < 0.7 else 10 * rng.randint(10, 100)
    frame = rng.choice(("{w} in digits?", "Write {w} as a number.", "Digits for {w}?"))
    return frame.format(w=number_words(number)), str(number)


def dosed(rng: Random) -> Pair:
    """A dose told in grams or words, in the unit of the note."""
    drug = rng.choice(list(common().drugs.values()))
    dose, unit = rng.choice(drug.doses), drug.unit
    if rng.random() < 0.6:
        dose, unit = rng.choice([dose for dose in range(50, 2001, 50) if convertible(dose, "mg")]), "mg"
    frame = rng.choice(("{s} in {u}?", "Write {s} in {u}.", "How many {u} are {s}?"))
    return frame.format(s=voice(rng, "units").dose(dose, unit), u=unit), amount(dose, unit)


def frequency(rng: Random) -> Pair:
    often = rng.choice(list(common().often))
    frame = rng.choice(("{s}, as a note says it?", "Write {s} as a frequency.", "Short for {s}?"))
    return frame.format(s=rng.choice(common().often[often])), often


def lay_word(rng: Random) -> Pair:
    term = rng.choice(list(common().lay))
    frame = rng.choice(("What is the term for {s}?", "{s}, in a note?", "Write {s} as a doctor would."))
    return frame.format(s=rng.choice(common().lay[term])), term


def misheard(rng: Random) -> Pair:
    drug = rng.choice([drug for drug in common().drugs.values() if drug.heard])
    frame = rng.choice(("Which medicine was heard as {s}?", "{s}, which medicine is that?", "Correct the name {s}."))
    return frame.format(s=drug.heard), drug.name


def corrected(rng: Random) -> Pair:
    """A value said wrong and then right; only the right one goes down."""
    wrong, right = rng.sample(range(2, 60), 2)
    unit = rng.choice(("days", "weeks", "mg", "years", "months"))
    speaker = voice(rng)
    said = speaker.say("slip", wrong=f"{speaker.number(wrong)} {unit}", right=f"{speaker.number(right)} {unit}")
    frame = rng.choice(("{s}. What is meant?", "Which value holds? {s}", "{s}. The true value?"))
    return frame.format(s=said), f"{right} {unit}"


LESSONS = {"visit": visit, "chart": chart, "sayings": sayings, "conversions": conversions}
