"""How an encounter is told: a dialogue or a dictation with its note or summary, or a note with a question."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from factory.records import Rendered
from factory.specialists.medical.lists import common
from factory.specialists.medical.note import note, summary
from factory.specialists.medical.say import Voice
from factory.specialists.medical.state import Medication, Relative, Sign, State

SPEAKERS = {"D": "Doctor", "P": "Patient", "N": "Nurse"}
CLOSE, NOISE, ECHO, DICTATED_NOISE = 0.5, (0, 0, 1, 1, 2), 0.6, 0.35
"""Chances: of a closing, of small talk (times), of a word of the doctor between two of the patient, of an aside."""


def render(state: State, rng: Random, held_out: bool) -> Rendered:
    """The prompt, its answer and the phrases used, as `act.number`; held-out phrases where asked for."""
    voice = Voice(state, rng, held_out)
    instruction = voice.say(f"instruction_{state.task}")
    prompt = f"{instruction}\n{told(voice)}"
    answers = {"note": note, "summary": summary}
    answer = state.question.answer if state.question else answers[state.task](state.encounter)
    return Rendered(({"role": "user", "content": prompt},), answer, tuple(dict.fromkeys(voice.used)))


def told(voice: Voice) -> str:
    """The visit as the prompt tells it."""
    state = voice.state
    if state.form == "note":
        asked = voice.say(f"ask_{state.question.kind}", x=state.question.about)
        return f"{note(state.encounter)}\nQuestion: {asked}"
    return Telling(voice, "" if state.form == "dialogue" else "d_").text()


class Telling:
    """A visit being told, act by act: turns of a dialogue, or sentences of a dictation (acts with `d_`)."""

    def __init__(self, voice: Voice, prefix: str) -> None:
        self.voice, self.rng, self.prefix = voice, voice.rng, prefix
        self.encounter = voice.state.encounter
        self.said: list[str] = []

    def text(self) -> str:
        """The whole visit, in a shuffled but sensible order."""
        rng, dialogue = self.rng, not self.prefix
        self.opening()
        parts = [self.properties, self.symptoms]
        rest = [self.history, self.medications, self.allergies]
        rng.shuffle(parts)
        rng.shuffle(rest)
        for part in [*parts, *rest, self.vitals, self.findings]:
            part()
        for _ in range(rng.choice(NOISE) if dialogue else rng.random() < DICTATED_NOISE):
            self.said.insert(rng.randint(1, len(self.said)), self.voice.say(f"{self.prefix}noise"))
        self.ending()
        if dialogue and rng.random() < CLOSE:
            self.act("close")
        return self.told()

    def told(self) -> str:
        """What was said so far: the paragraph of a dictation, or the turns of a dialogue."""
        if self.prefix:
            return " ".join(self.said)
        return "\n".join(f"{SPEAKERS[who]}: {text}" for who, text in self.turns())

    def turns(self) -> list[tuple[str, str]]:
        """The turns of all acts; two turns of one speaker are joined, or the doctor says a word between them."""
        turns: list[tuple[str, str]] = []
        for line in " / ".join(self.said).split(" / "):
            who, text = line[0], line[3:]
            if turns and turns[-1][0] == who == "P" and self.rng.random() < ECHO:
                turns.append(("D", self.voice.say("echo")[3:]))
            if turns and turns[-1][0] == who:
                text = f"{turns.pop()[1]} {text}"
            turns.append((who, text))
        return turns

    def act(self, name: str, **values: str) -> None:
        """Says one act."""
        self.said.append(self.voice.say(f"{self.prefix}{name}", **values))

    def opening(self) -> None:
        """Greeting, age and complaint; the patient's title tells the sex where the age is stated."""
        voice, rng, encounter = self.voice, self.rng, self.encounter
        name = encounter.complaint.name
        age = voice.slip("age", voice.number(encounter.age)) if encounter.age else ""
        if self.prefix:
            self.act(*(["lead"] if age else ["lead_plain"]), c=name, age=age, sex=encounter.sex)
            return
        titles = {"man": ("Mr.",), "woman": ("Ms.", "Mrs."), "": ()}[encounter.sex]
        words = common().words
        who = f"{rng.choice(titles)} {rng.choice(words['surnames'])}" if titles else rng.choice(words["neutral"])
        self.act("open", who=who)
        later = rng.random() < 0.4
        told_age = {"who": who, "age": age, "sex": encounter.sex, "next": str((encounter.age or 0) + 1)}
        if age and not later:
            self.act("demographics", **told_age)
        self.complaint()
        if age and later:
            self.act("demographics", **told_age)

    def complaint(self) -> None:
        """The complaint, perhaps with its onset in one breath."""
        complaint, voice = self.encounter.complaint, self.voice
        self.onset_told = self.rng.random() < 0.4 and bool(complaint.span or complaint.since)
        if not self.onset_told:
            self.act("complaint", c=complaint.name)
        elif complaint.span:
            self.act("complaint_onset", c=complaint.name, d=voice.slip("span", voice.span(complaint.span)))
        else:
            self.act("complaint_since", c=complaint.name, w=complaint.since)

    def properties(self) -> None:
        """Onset, course, severity and side, in any order."""
        complaint, voice = self.encounter.complaint, self.voice
        acts = []
        if not (self.prefix == "" and self.onset_told):
            acts += [("onset", "d", lambda: voice.slip("span", voice.span(complaint.span)))] if complaint.span else []
            acts += [("since", "w", lambda: complaint.since)] if complaint.since else []
        acts += [("course", "k", lambda: voice.term(complaint.course))] if complaint.course else []
        acts += [("severity", "v", lambda: voice.severity(complaint.severity))] if complaint.severity else []
        acts += [("side", "side", lambda: voice.slip("side", complaint.side))] if complaint.side else []
        self.rng.shuffle(acts)
        for name, slot, value in acts:
            self.act(name, **{slot: value()})

    def symptoms(self) -> None:
        """Symptoms in their order, one or two at a time."""
        signs = list(self.encounter.symptoms)
        while signs:
            if len(signs) > 1 and self.rng.random() < 0.6:
                first, second, *signs = signs
                self.act(paired(first, second), s=self.voice.term(first.name), t=self.voice.term(second.name))
            else:
                first, *signs = signs
                self.act("has" if first.present else "lacks", s=self.voice.term(first.name))

    def history(self) -> None:
        """Own and family history; the illness that only the family has is told in one breath."""
        encounter = self.encounter
        only = {one.illness for one in encounter.family} & {sign.name for sign in encounter.history}
        acts = [lambda sign=sign: self.own(sign) for sign in encounter.history if sign.name not in only]
        acts += [lambda one=one: self.family(one, one.illness in only) for one in encounter.family]
        self.rng.shuffle(acts)
        for act in acts:
            act()

    def own(self, sign: Sign) -> None:
        self.act("history" if sign.present else "no_history", h=self.voice.term(sign.name))

    def family(self, one: Relative, not_own: bool) -> None:
        self.act("family_not_own" if not_own else "family", r=one.who, f=self.voice.term(one.illness))

    def medications(self) -> None:
        """Medicines in their order."""
        for one in self.encounter.medications:
            if one.stopped or one.dose is None:
                self.act("stopped" if one.stopped else "medication_bare", m=self.voice.drug(one.name))
            elif one.was is not None:
                self.act("changed", p=self.voice.dose(one.was, one.unit), **self.dosage(one))
            else:
                self.act("medication", **self.dosage(one))

    def dosage(self, one: Medication) -> dict[str, str]:
        """The slots of a medicine with its dose."""
        voice = self.voice
        dose = voice.slip("dose", voice.dose(one.dose, one.unit), one.name)
        return {"m": voice.drug(one.name), "q": dose, "o": voice.often(one.often)}

    def allergies(self) -> None:
        for name in self.encounter.allergies:
            if name == "none":
                self.act("no_allergy")
            else:
                self.act("allergy", a=name)

    def vitals(self) -> None:
        """Vital signs, two at once or one by one."""
        told = [(v.name, self.voice.slip("vital", self.voice.value(v.value), v.name)) for v in self.encounter.vitals]
        if len(told) == 2 and self.rng.random() < 0.6:
            (n, x), (m, y) = told
            self.act("vitals", n=n, x=x, m=m, y=y)
            return
        for n, x in told:
            self.act("vital", n=n, x=x)

    def findings(self) -> None:
        for sign in self.encounter.findings:
            self.act("finding" if sign.present else "no_finding", g=sign.name)

    def ending(self) -> None:
        """Assessment, plan, and the correction of what was said wrong long before."""
        encounter, voice, slip = self.encounter, self.voice, self.voice.state.slip
        if slip and slip.late:
            self.act("late", **voice.late())
        if encounter.assessment:
            self.act("assessment", z=encounter.assessment)
        self.plan(encounter.plan)
        if encounter.start:
            self.act("start", **self.dosage(encounter.start))
        if encounter.back:
            self.act("return", d=voice.span(encounter.back))

    def plan(self, items: Sequence[str]) -> None:
        if len(items) == 2 and self.rng.random() < 0.7:
            self.act("plans", b=items[0], e=items[1])
            return
        for item in items:
            self.act("plan", b=item)


def paired(first: Sign, second: Sign) -> str:
    """The act that tells two symptoms at once."""
    if first.present == second.present:
        return "has_two" if first.present else "lacks_two"
    return "has_lacks" if first.present else "lacks_has"
