"""Where encounters come from: a complaint group, the traps of the row, and as many facts as its difficulty has."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from factory.specialist import Inapplicable
from factory.specialists.medical.lists import Drug, Group, Side, common, groups
from factory.specialists.medical.questions import ask
from factory.specialists.medical.state import (
    Complaint,
    Difficulty,
    Encounter,
    Form,
    Frozen,
    Medication,
    Relative,
    Sign,
    Slip,
    Span,
    State,
    Task,
    Trap,
    Vital,
    amount,
    convertible,
)
from factory.text import random_word

FACTS = {"easy": (5, 6), "medium": (6, 7), "hard": (7, 9)}
TRAPS_OF = {"easy": (0, 1), "medium": (2, 3), "hard": (4, 5)}
TRAPS_OF_NOTE = {"easy": (0, 1), "medium": (1, 2), "hard": (2, 3)}
TRAP_WEIGHTS: dict[Trap, float] = {
    "negation": 3,
    "family": 2,
    "correction": 2,
    "fillers": 1.5,
    "misheard": 1.5,
    "units": 1.5,
    "stopped": 1.5,
}
IN_NOTE: tuple[Trap, ...] = ("negation", "family", "stopped")
FACT_WEIGHTS = {
    "patient": 2,
    "onset": 3,
    "course": 1,
    "severity": 1,
    "side": 2,
    "symptom": 3,
    "symptom 2": 2,
    "symptom 3": 1,
    "history": 1,
    "medication": 2,
    "medication 2": 0.7,
    "allergy": 1,
    "vital": 1,
    "vital 2": 0.5,
    "finding": 1,
    "finding 2": 0.4,
    "assessment": 2,
    "plan": 1.5,
    "plan 2": 0.7,
    "start": 0.7,
    "return": 0.7,
}
SPANS = {"day": (1, 13), "week": (1, 8), "month": (1, 11), "year": (1, 9)}
SIDES = ("on the left", "on the right", "on both sides")


class Settings(Frozen):
    """The `specialist.settings` of medical."""

    difficulty: dict[str, float]
    """Weight of each difficulty: easy, medium, hard."""
    task: dict[str, float]
    """Weight of each task: note, summary, question."""
    dictation: float
    """Chance that a visit is told as a dictation, not as a dialogue."""
    lay: float
    """Chance that a term which has lay words is told in them."""
    unanswerable: float
    """Chance that a question asks what the note does not state."""
    renamed: float
    """Chance that the terms of a training row are made up, so that they must be read and cannot be known."""


def draw(rng: Random, settings: Settings, side: Side) -> State:
    """One state of one side (train or exam); Inapplicable where the draw does not come out."""
    difficulty: Difficulty = weighted(rng, settings.difficulty)
    task: Task = weighted(rng, settings.task)
    form: Form = "note" if task == "question" else "dictation" if rng.random() < settings.dictation else "dialogue"
    group = rng.choice(groups(side))
    traps = draw_traps(rng, difficulty, form)
    draft = Draft(rng, group, traps, needed=("patient", "assessment", "plan") if task == "summary" else ())
    encounter = draft.encounter(rng.randint(*FACTS[difficulty]))
    lay = tuple(term for term in draft.used if term in common().lay and rng.random() < settings.lay)
    state = State(
        group=group.name,
        task=task,
        form=form,
        difficulty=difficulty,
        traps=traps,
        encounter=encounter,
        slip=draft.slip(encounter),
        lay=() if form == "note" else lay,
    )
    if side == "train" and "misheard" not in traps and rng.random() < settings.renamed:
        state = renamed(rng, state)
        made_up = [word for term in named(state.encounter) for word in term.split()]
        if len(set(made_up)) < len(made_up):
            raise Inapplicable("two made-up terms share a word")
    if task == "question":
        asked = ask(rng, state.encounter, group, difficulty, settings.unanswerable)
        state = state.model_copy(update={"question": asked})
    return state


def weighted(rng: Random, weights: dict[str, float]) -> str:
    """One key, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def ranked(rng: Random, weights: dict[str, float]) -> list[str]:
    """All keys in a random order, the heavy ones sooner (Efraimidis and Spirakis 2006)."""
    return sorted(weights, key=lambda name: -(rng.random() ** (1 / weights[name])))


def draw_traps(rng: Random, difficulty: Difficulty, form: Form) -> tuple[Trap, ...]:
    """The hard things of a row, in the order of the weights; a note has only those that a note can show."""
    count = rng.randint(*(TRAPS_OF_NOTE if form == "note" else TRAPS_OF)[difficulty])
    open_to = {trap: weight for trap, weight in TRAP_WEIGHTS.items() if form != "note" or trap in IN_NOTE}
    chosen = ranked(rng, open_to)[:count]
    return tuple(trap for trap in TRAP_WEIGHTS if trap in chosen)


def renamed(rng: Random, state: State) -> State:
    """The state with a random word or two for every term: what is said must be read, it cannot be known."""
    names: dict[str, str] = {}

    def name(old: str) -> str:
        if old and old not in names:
            names[old] = " ".join(random_word(rng) for _ in range(rng.randint(1, 2)))
        return names.get(old, "")

    def signs(found: tuple[Sign, ...]) -> tuple[Sign, ...]:
        return tuple(sign.model_copy(update={"name": name(sign.name)}) for sign in found)

    old = state.encounter
    new = old.model_copy(
        update={
            "complaint": old.complaint.model_copy(update={"name": name(old.complaint.name)}),
            "symptoms": signs(old.symptoms),
            "history": signs(old.history),
            "findings": signs(old.findings),
            "family": tuple(one.model_copy(update={"illness": name(one.illness)}) for one in old.family),
            "medications": tuple(one.model_copy(update={"name": name(one.name)}) for one in old.medications),
            "allergies": tuple(one if one == "none" else name(one) for one in old.allergies),
            "assessment": name(old.assessment),
            "plan": tuple(map(name, old.plan)),
            "start": old.start.model_copy(update={"name": name(old.start.name)}) if old.start else None,
        }
    )
    if len(set(names.values())) < len(names):
        raise Inapplicable("two random terms agree")
    slip = state.slip
    if slip and slip.field == "dose":
        slip = slip.model_copy(update={"subject": name(slip.subject)})
    return state.model_copy(update={"encounter": new, "slip": slip, "lay": ()})


def named(encounter: Encounter) -> set[str]:
    """Every term of an encounter, once."""
    signs = (*encounter.symptoms, *encounter.findings, *encounter.history)
    found = {encounter.complaint.name, encounter.assessment, *encounter.plan, *encounter.allergies}
    found |= {thing.name for thing in (*signs, *encounter.medications)} | {one.illness for one in encounter.family}
    return found | ({encounter.start.name} if encounter.start else set())


class Draft:
    """An encounter in the making: no two of its terms share a word, so that no fact can be taken for another."""

    def __init__(self, rng: Random, group: Group, traps: Sequence[Trap], needed: Sequence[str] = ()) -> None:
        self.rng, self.group, self.traps = rng, group, traps
        self.used: list[str] = []
        self.words: set[str] = set()
        self.needed = set(needed)
        self.slipped = ""
        if "correction" in traps:
            self.slipped = rng.choice(("onset", "onset", "medication", "patient", "vital", *["side"] * group.sided))
            self.needed.add(self.slipped)
        if {"units", "misheard"} & set(traps):
            self.needed.add("medication")
        if "negation" in traps:
            self.needed.add(rng.choice(("symptom", "symptom", "allergy", "finding")))

    def encounter(self, facts: int) -> Encounter:
        """An encounter of that many facts, besides the complaint."""
        weights = {k: w for k, w in FACT_WEIGHTS.items() if self.group.sided or k != "side"}
        extra = sum(trap in self.traps for trap in ("stopped", "family"))
        rest = [name for name in ranked(self.rng, weights) if name not in self.needed]
        chosen = {*self.needed, *rest[: max(0, facts - extra - len(self.needed))]}
        age, sex = self.patient() if "patient" in chosen else (None, "")
        complaint = self.complaint(chosen)
        family = self.family() if "family" in self.traps else ()
        return Encounter(
            age=age,
            sex=sex,
            complaint=complaint,
            symptoms=self.signs("symptom", chosen, (*self.group.symptoms, *common().words["symptoms"])),
            history=self.history("history" in chosen, family),
            family=family,
            medications=self.medications(chosen),
            allergies=self.allergies() if "allergy" in chosen else (),
            vitals=self.vitals(sum(name in chosen for name in ("vital", "vital 2"))),
            findings=self.signs("finding", chosen, self.group.findings),
            assessment=self.term(self.group.assessments) if "assessment" in chosen else "",
            plan=self.plan(sum(name in chosen for name in ("plan", "plan 2"))),
            start=self.medication(self.group.drugs) if "start" in chosen else None,
            back=self.span(("week", "week", "day", "month")) if "return" in chosen else None,
        )

    def term(self, terms: Sequence[str]) -> str:
        """One of the terms that shares no word with those used before."""
        for term in self.rng.sample(terms, len(terms)):
            words = set(term.split()) - {"a", "the", "of", "on", "in", "to", "and", "at"}
            if not words & self.words:
                self.words |= words
                self.used.append(term)
                return term
        raise Inapplicable("no term left that shares no word")

    def deny(self, chance: float, must: bool = False) -> bool:
        """Whether a sign is denied: by chance where the row has negation, surely where it must show it."""
        return "negation" in self.traps and (must or self.rng.random() < chance)

    def patient(self) -> tuple[int, str]:
        return self.rng.randint(18, self.group.oldest), self.group.sex or self.rng.choice(("man", "woman"))

    def complaint(self, chosen: set[str]) -> Complaint:
        rng, words = self.rng, common().words
        by_day = "onset" in chosen and self.slipped != "onset" and rng.random() < 0.25
        course = rng.choice(words["courses"]) if "course" in chosen else ""
        severity = self.severity() if "severity" in chosen else ""
        self.used += [said for said in (course, severity) if said]
        return Complaint(
            name=self.term(self.group.complaints),
            span=self.span() if "onset" in chosen and not by_day else None,
            since=rng.choice(words["since"]) if by_day else "",
            course=course,
            severity=severity,
            side=rng.choice(SIDES) if "side" in chosen else "",
        )

    def span(self, units: Sequence[str] = ("day", "day", "week", "week", "month", "year")) -> Span:
        unit = self.rng.choice(units)
        return Span(count=self.rng.randint(*SPANS[unit]), unit=unit)

    def severity(self) -> str:
        if self.rng.random() < 0.4:
            return f"{self.rng.randint(2, 10)} out of 10"
        return self.rng.choice(common().words["severities"])

    def signs(self, kind: str, chosen: set[str], terms: Sequence[str]) -> tuple[Sign, ...]:
        """The symptoms or findings; the first is denied where nothing else of the row is yet."""
        count = sum(name.partition(" ")[0] == kind for name in chosen)
        must = "negation" in self.traps and kind in self.needed
        denied = [self.deny(0.4, must and i == 0) for i in range(count)]
        self.rng.shuffle(denied)
        return tuple(Sign(name=self.term(terms), present=not no) for no in denied)

    def history(self, wanted: bool, family: tuple[Relative, ...]) -> tuple[Sign, ...]:
        """Own illnesses; sometimes the family's illness, denied for the patient."""
        signs = []
        if wanted:
            signs = [Sign(name=self.term(common().words["history"]), present=not self.deny(0.2))]
        if family and self.deny(0.3):
            signs.append(Sign(name=family[0].illness, present=False))
        return tuple(signs)

    def family(self) -> tuple[Relative, ...]:
        return (Relative(who=self.rng.choice(common().words["relatives"]), illness=self.term(common().words["runs"])),)

    def medications(self, chosen: set[str]) -> tuple[Medication, ...]:
        regular = common().words["regular"]
        count = sum(name.partition(" ")[0] == "medication" for name in chosen)
        made = []
        for i in range(count):
            names = [name for name in regular if suits(common().drugs[name], self.traps)] if i == 0 else regular
            made.append(self.medication(names))
        full = not {"units", "correction"} & set(self.traps)
        if made and full and self.rng.random() < 0.12:
            made[-1] = Medication(name=made[-1].name)
        elif made and "correction" not in self.traps and self.rng.random() < 0.15:
            made[-1] = self.changed(made[-1])
        if "stopped" in self.traps:
            made.insert(self.rng.randint(0, len(made)), Medication(name=self.term(regular), stopped=True))
        return tuple(made)

    def medication(self, names: Sequence[str]) -> Medication:
        """A medicine with dose and frequency; one told in grams or milligrams where the row changes units."""
        drug = common().drugs[self.term(names)]
        doses = [dose for dose in drug.doses if convertible(dose, drug.unit)] if "units" in self.traps else []
        return Medication(
            name=drug.name,
            dose=self.rng.choice(doses or drug.doses),
            unit=drug.unit,
            often=self.rng.choice(drug.often),
        )

    def changed(self, taken: Medication) -> Medication:
        others = [dose for dose in common().drugs[taken.name].doses if dose != taken.dose]
        return taken.model_copy(update={"was": self.rng.choice(others)}) if others else taken

    def allergies(self) -> tuple[str, ...]:
        if self.deny(0.4, must="allergy" in self.needed):
            return ("none",)
        return (self.term(common().words["allergies"]),)

    def vitals(self, count: int) -> tuple[Vital, ...]:
        names = self.rng.sample(sorted(common().vitals), count)
        return tuple(Vital(name=name, value=self.value(name)) for name in names)

    def value(self, name: str) -> str:
        """A value of a vital sign, as the note writes it."""
        range_ = common().vitals[name]
        number = self.rng.randint(range_.low, range_.high)
        if range_.over:
            return f"{number} over {round(number * self.rng.uniform(0.55, 0.68))}"
        text = f"{number}.{self.rng.randint(0, 9)}" if range_.tenths else str(number)
        return f"{text} {range_.unit}".strip()

    def plan(self, count: int) -> tuple[str, ...]:
        return tuple(self.term((*self.group.plan, *common().words["plan"])) for _ in range(count))

    def slip(self, encounter: Encounter) -> Slip | None:
        """The value that is said wrong at first, where the row has a correction."""
        if not self.slipped:
            return None
        rng, late = self.rng, self.rng.random() < 0.25
        complaint = encounter.complaint
        if self.slipped == "onset":
            wrong = Span(count=other(rng, complaint.span.count, 1, 12), unit=complaint.span.unit)
            return Slip(field="span", subject="", wrong=wrong.text(), late=late)
        if self.slipped == "patient":
            return Slip(field="age", subject="", wrong=str(other(rng, encounter.age, 18, self.group.oldest)), late=late)
        if self.slipped == "side":
            wrong_side = rng.choice([side for side in SIDES if side != complaint.side])
            return Slip(field="side", subject="", wrong=wrong_side, late=late)
        if self.slipped == "vital":
            vital = encounter.vitals[0]
            values = {self.value(vital.name) for _ in range(4)} - {vital.value}
            if not values:
                raise Inapplicable("a vital sign came out the same five times")
            return Slip(field="vital", subject=vital.name, wrong=sorted(values)[0], late=late)
        taken = next(one for one in encounter.medications if one.dose is not None)
        doses = [
            dose for dose in (*common().drugs[taken.name].doses, 2 * taken.dose) if dose not in (taken.dose, taken.was)
        ]
        return Slip(field="dose", subject=taken.name, wrong=amount(rng.choice(doses), taken.unit), late=late)


def other(rng: Random, number: int, low: int, high: int) -> int:
    """Another number near the first, inside the range."""
    return rng.choice([n for n in range(max(low, number - 5), min(high, number + 5) + 1) if n != number])


def suits(drug: Drug, traps: Sequence[Trap]) -> bool:
    """Whether a medicine can show the row's unit change and its recognition error."""
    grams = "units" not in traps or any(convertible(dose, drug.unit) for dose in drug.doses)
    return grams and ("misheard" not in traps or bool(drug.heard))
