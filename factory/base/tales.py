"""Lessons of the embedded base in telling: reading a small text, wording one sentence, changing it, rhyming, heeding a plan.

They use the training families and the seen phrases only. A whole text is asked for by a list of facts, never in the words
of the creative specialist. In a third of the contexts names and things are random words.
"""

from __future__ import annotations

import re
from random import Random

from factory.specialists.creative import lexicon
from factory.specialists.creative.draw import Settings, renamed, whole
from factory.specialists.creative.lexicon import article
from factory.specialists.creative.render import Telling
from factory.specialists.creative.rhyme import rhymes
from factory.specialists.creative.state import State
from factory.specialists.creative.write import Act, Writer, capital, grouped, pair, sentences, write
from factory.text import random_word

Pair = tuple[str, str]
SETTINGS = Settings(
    form={"story": 0.8, "letter": 0.2},
    difficulty={"easy": 0.3, "medium": 0.4, "hard": 0.3},
    first_person=0.4,
    past=0.6,
    renamed=0.0,
)
SAY = (
    "Write a sentence",
    "Make a sentence",
    "Say something",
    "Give me a sentence",
    "One sentence, please,",
    "Write one line",
)


def plan_of(rng: Random, level: float, form: str = "") -> State:
    """A training plan, in a third of the cases with random words in it; small at a low level."""
    settings = SETTINGS.model_copy(update={"form": {form: 1.0}}) if form else SETTINGS
    plan = whole(rng, settings, "train").model_copy(update={"words": None, "syllables": 0})
    if plan.form != "poem" and rng.random() > level:
        plan = plan.model_copy(update={"count": 3, "required": plan.required[:1]})
    return renamed(rng, plan) if rng.random() < 0.33 else plan


def some(rng: Random, pairs: list[Pair], most: int = 8) -> list[Pair]:
    """Six to eight of the questions, each asked once."""
    found = list(dict.fromkeys(pairs))
    rng.shuffle(found)
    return found[:most]


def reading(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A story or letter body and questions about it."""
    plan = plan_of(rng, level)
    told = sentences(plan, rng, ordered=False)
    hero = plan.hero.name
    asks = [
        (("Where does it happen?", "Where are we?", "What is the place?", "In which place is it set?"), plan.place),
        (
            (f"What does {hero} want?", "What is the wish?", "What is the goal?", "What is it all for?"),
            f"to {plan.wish}",
        ),
        (("How many sentences are there?", "Count the sentences.", "How long is it, in sentences?"), str(len(told))),
        (("Who tells it?", "Is it told as I or from outside?"), "I" if plan.person == "first" else "from outside"),
        (("Past or present?", "Which tense is it?", "When is it told?"), plan.tense),
        (("What comes first?", "Say the first sentence.", "How does it begin?"), told[0]),
        (("Say the last sentence.", "How does it end?", "What comes last?"), told[-1]),
    ]
    if plan.form == "story":
        full = f"{hero} the {plan.hero.kind}"
        asks.append((("Who is the hero?", "Who is it about?", "Name the main character."), full))
        asks.append(((f"What is {hero}?", f"Which kind is {hero}?"), article(plan.hero.kind)))
        if plan.friend:
            asks.append((("Who else is there?", "Name the friend."), f"{plan.friend.name} the {plan.friend.kind}"))
    if plan.obstacle:
        asks.append((("What stands in the way?", "What is the trouble?", "Name the obstacle."), plan.obstacle))
    if plan.turn:
        asks.append((("What helps?", "What brings the turn?", "Where does help come from?"), plan.turn))
    word = rng.choice(plan.required)
    holder = next(sentence for sentence in told if word in lexicon.WORD.findall(sentence))
    asks.append(((f"Which sentence has the word {word} ?", f"Where do we read {word} ?"), holder))
    there = rng.random() < 0.5
    other = word if there else rng.choice([noun for noun in lexicon.read("words")["nouns"] if noun != word])
    there = other in lexicon.WORD.findall(" ".join(told))
    asks.append(((f"Does it say {other} ?", f"Is the word {other} in it?"), "yes" if there else "no"))
    return f"Text: {' '.join(told)}", some(rng, [(rng.choice(wordings), answer) for wordings, answer in asks])


def heeding(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Some constraints of a plan, and what each of them says."""
    plan = plan_of(rng, level, rng.choice(("story", "story", "poem", "letter")))
    told = Telling(plan, rng, held_out=False)
    parts = [part for part in told.parts() if part != "count"]
    parts = rng.sample(parts, min(len(parts), 4 + round(level * 4)))
    listed = rng.random() < 0.4
    context = f"Plan:\n{told.lines(parts)}" if listed else f"Plan: {' '.join(map(told.sentence, parts))}"
    asks = {
        "hero": (("Who is the hero?", "Name the main character."), f"{plan.hero.name} the {plan.hero.kind}"),
        "writer": (("Who writes?", "Who signs it?"), f"{plan.hero.name} the {plan.hero.kind}"),
        "friend": (("Who else is in it?", "Name the friend."), told.slots["friend"]),
        "place": (("Where is it set?", "Name the place."), plan.place),
        "mood": (("Which mood?", "How should it feel?"), plan.mood),
        "wish": (("What is the wish?", "What is wanted?"), f"to {plan.wish}"),
        "obstacle": (("What is the obstacle?", "What stands in the way?"), plan.obstacle),
        "turn": (("What helps?", "What is the turn?"), plan.turn),
        "person": (("First or third person?", "Which person?"), f"{plan.person} person"),
        "tense": (("Past or present?", "Which tense?"), f"{plan.tense} tense"),
        "rhyme": (("How does it rhyme?", "Couplets or alternating?"), plan.rhyme),
        "required": (("Which words must be used?", "What must appear?"), " , ".join(plan.required)),
        "forbidden": (("Which words are not allowed?", "What may not appear?"), " , ".join(plan.forbidden)),
    }
    pairs = [(rng.choice(wordings), answer) for part, (wordings, answer) in asks.items() if part in parts]
    if "required" in parts:
        word = rng.choice(plan.required)
        pairs.append((rng.choice((f"May I use {word} ?", f"Is {word} asked for?")), "yes"))
        pairs += [said(rng, plan, Act(word_kind(plan, word), word), f"with the word {word}")]
    if "forbidden" in parts:
        pairs.append((f"May I use {rng.choice(plan.forbidden)} ?", "no"))
    return context, some(rng, pairs)


def word_kind(plan: State, word: str) -> str:
    """The act that a required word makes."""
    return "adjective" if word in lexicon.read("words")["adjectives"] else "prop"


def said(rng: Random, plan: State, act: Act, what: str) -> Pair:
    """The order to write one sentence, and the sentence."""
    writer = Writer(plan, rng)
    act.clause = writer.clause(act, first=act.kind == "intro")
    return f"{rng.choice(SAY)} {what}", writer.sentence([act], first=True)


def telling(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Hero, person, tense and some facts; then single sentences that use one of them each."""
    plan = plan_of(rng, level, "story").model_copy(update={"forbidden": ()})
    hero, word = f"{plan.hero.name} the {plan.hero.kind}", rng.choice(plan.required)
    how = f"{'I tell it' if plan.person == 'first' else 'told from outside'}, {plan.tense} tense"
    facts = [f"hero {hero}", f"place {plan.place}", f"wish to {plan.wish}"]
    facts += [f"{name} {value}" for name in ("obstacle", "turn", "mood") if (value := getattr(plan, name))]
    rng.shuffle(facts)
    pairs = [
        said(rng, plan, Act("intro"), rng.choice(("to begin with.", "that opens it.", "with hero and place."))),
        said(rng, plan, Act("wish"), rng.choice(("with the wish.", "that says what is wanted."))),
        said(rng, plan, Act("end"), rng.choice(("to end with.", "that ends it."))),
        said(rng, plan, Act(word_kind(plan, word), word), f"with the word {word}"),
        said(rng, plan, Act("detail"), rng.choice(("for the middle.", "with a detail."))),
    ]
    if plan.friend:
        friend = f"{plan.friend.name} the {plan.friend.kind}"
        pairs.append(said(rng, plan, Act("friend"), f"with {friend}"))
    if plan.obstacle:
        pairs.append(said(rng, plan, Act("obstacle"), rng.choice(("with the obstacle.", "that brings the trouble."))))
    if plan.turn:
        pairs.append(said(rng, plan, Act("turn"), rng.choice(("with the turn.", "that brings help."))))
    kinds = ["intro", "wish", *(kind for kind in ("obstacle", "turn") if getattr(plan, kind)), "end"]
    kinds = kinds[: rng.randint(2, len(kinds))]
    pairs.append(several(rng, plan, kinds, rng.randint(max(1, len(kinds) - 2), len(kinds))))
    if plan.mood:
        kind = rng.choice(("wish", "end", "detail"))
        pairs.append(said(rng, plan, Act(kind, moody=True), f"in a {plan.mood} mood"))
    return f"Facts: {' ; '.join(facts)}\nHow: {how}", some(rng, pairs)


def composing(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Facts and how to tell them; then two or three whole texts that keep them, of different lengths or tenses."""
    form = rng.choices(("story", "poem", "letter"), (0.5, 0.25, 0.25))[0]
    plan = plan_of(rng, level, form)
    facts = [f"hero {plan.hero.name} the {plan.hero.kind}", f"place {plan.place}", f"wish to {plan.wish}"]
    facts += [f"{name} {value}" for name in ("obstacle", "turn", "mood") if (value := getattr(plan, name))]
    facts += [f"words {' , '.join(plan.required)}"] if plan.required else []
    facts += [f"never {' , '.join(plan.forbidden)}"] if plan.forbidden else []
    if plan.friend:
        facts.append(
            f"to {plan.friend.name}" if form == "letter" else f"with {plan.friend.name} the {plan.friend.kind}"
        )
    facts += [plan.rhyme] if plan.rhyme else []
    rng.shuffle(facts)
    pairs = [composed(rng, plan)]
    for _ in range(1 + (rng.random() < 0.3)):
        changed = {"tense": "present" if plan.tense == "past" else "past"}
        if form != "poem" and rng.random() < 0.5:
            changed = {"count": rng.choice([count for count in range(3, 7) if count != plan.count])}
        plan = plan.model_copy(update=changed)
        pairs.append(composed(rng, plan))
    voice = "I tell it" if plan.person == "first" else "told from outside"
    return f"Facts: {' ; '.join(facts)}\nHow: {form}, {voice}", some(rng, pairs)


def composed(rng: Random, plan: State) -> Pair:
    """The order to write the whole text, with its length and tense, and the text."""
    text, unit = write(plan, rng, ordered=False), "lines" if plan.form == "poem" else "sentences"
    how = f"{plan.count} {unit} in the {plan.tense}"
    if rng.random() < 0.25:
        words = len(lexicon.WORD.findall(text))
        how += f", {words - rng.randint(0, 12)} to {words + rng.randint(0, 12)} words"
    return f"{rng.choice(('Tell it all', 'Write it', 'The whole of it'))}: {how}", text


def several(rng: Random, plan: State, kinds: list[str], count: int) -> Pair:
    """The order to say some acts in so many sentences, and these."""
    writer = Writer(plan, rng)
    acts = [Act(kind, clause=writer.clause(Act(kind), kind == "intro")) for kind in kinds]
    text = " ".join(writer.sentence(group, first=number == 0) for number, group in enumerate(grouped(rng, acts, count)))
    names = {"intro": "the opening", "wish": "the wish", "end": "the end"}
    what = ", ".join(names.get(kind, f"the {kind}") for kind in kinds)
    return f"{rng.choice(('Write', 'Say', 'Give me'))} {what} in {count} sentence{'s' if count > 1 else ''}.", text


def retelling(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """One or more sentences, to be said in another tense, by another person, about someone else, with or without a word."""
    plan = plan_of(rng, level, "story").model_copy(update={"mood": "", "forbidden": ()})
    kinds = ["wish", *(kind for kind in ("friend", "obstacle", "turn") if getattr(plan, kind)), "end", "detail", "prop"]
    kinds = rng.sample(kinds, min(len(kinds), 2 + round(level * 2)))
    word = next((word for word in plan.required if word_kind(plan, word) == "prop"), "stone")
    pairs: list[Pair] = []
    for kind in kinds:
        seed = rng.random()

        def say(update: dict[str, str], kind: str = kind, seed: float = seed) -> str:
            changed = plan.model_copy(update=update)
            again, writer = Random(seed), Writer(changed, Random(seed))
            own, line = again.random(), common_line(again, kind)
            clause = lexicon.clause(line, changed.person, changed.tense)
            return capital(writer.filled(clause, word if kind == "prop" and own else "")) + "."

        base = say({})
        other = "present" if plan.tense == "past" else "past"
        voice, asked = (
            ("first", "as I") if plan.person == "third" else ("third", f"of {plan.hero.name}, {plan.hero.pronoun}")
        )
        turned = say({"person": voice})
        pairs.append(
            (rng.choice((f"In the {other} tense: {base}", f"Put it in the {other}: {base}")), say({"tense": other}))
        )
        if turned != base or rng.random() < 0.2:
            pairs.append((f"Say it {asked}: {base}", turned))
        pairs.append((f"Say it {asked} in the {other} tense: {base}", say({"person": voice, "tense": other})))
    base, writer = rng.choice(pairs)[1].removesuffix("."), Writer(plan, rng)
    more = random_word(rng) if rng.random() < 0.3 else rng.choice(lexicon.read("words")["nouns"])
    pairs.append((f"Say it with the word {more} : {base}.", f"{base} {writer.hold(more)}."))
    pairs.append((f"Join: {base}. Rain falls.", f"{base}, and rain falls."))
    return "", some(rng, pairs, 7)


def common_line(rng: Random, kind: str) -> str:
    """A line of an act that fits both persons and needs no mood; the pronoun stands for the hero in it."""
    lines = lexicon.read("frames")["story"][kind].splitlines()
    return rng.choice([line for line in lines if line[:2] not in ("1:", "3:") and "{mood" not in line])


def avoiding(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Sentences on request that must do without a word or with one."""
    plan = plan_of(rng, level, "story")
    how = f"{'I' if plan.person == 'first' else plan.hero.name}, {plan.tense} tense"
    pairs = []
    for _ in range(7):
        kind = rng.choice(("wish", "end", "detail", "intro"))
        line = Writer(plan, rng).sentence(
            [Act(kind, clause=Writer(plan, rng).clause(Act(kind), kind == "intro"))], True
        )
        fitting = [word for word in lexicon.own_words(line) if word in lexicon.read("words")["forbidden"]]
        banned = rng.choice(sorted(fitting)) if fitting else rng.choice(lexicon.read("words")["forbidden"])
        changed = plan.model_copy(update={"forbidden": (banned,)})
        what = {"wish": "the wish", "end": "an end", "detail": "a detail", "intro": "an opening"}[kind]
        if banned not in lexicon.own_words(f"{plan.wish} {plan.place} {plan.opening} {plan.hero.kind}"):
            pairs.append(said(rng, changed, Act(kind), f"with {what} but without the word {banned}"))
    facts = f"Facts: hero {plan.hero.name} the {plan.hero.kind} ; place {plan.place} ; wish to {plan.wish}\nHow: {how}"
    return facts, some(rng, pairs) or [said(rng, plan, Act("wish"), "with the wish")]


def rhyming(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """Words that rhyme, line ends that rhyme, and two lines on a rhyme."""
    plan = plan_of(rng, level, "poem").model_copy(update={"forbidden": ()})
    groups, writer = lexicon.read("tails"), Writer(plan, rng)
    pairs: list[Pair] = []
    for name in rng.sample(list(groups), 3 + round(level * 2)):
        one, other = pair(rng, groups[name])
        first, second = one.split()[-1], other.split()[-1]
        wrong = rng.choice([end.split()[-1] for ends in groups.values() for end in ends])
        if rhymes(first, wrong) or wrong == first:
            continue
        choice = " or ".join(rng.sample((second, wrong), 2))
        subject = rng.choice(("wish", "detail"))
        lines = [
            f"{capital(writer.filled(writer.choose(act, False)))} {end}"
            for act, end in ((subject, one), ("detail", other))
        ]
        pairs += rng.sample(
            [
                (rng.choice((f"Which word rhymes with {first} ?", f"What rhymes with {first} ?")), second),
                (f"Which rhymes with {first} , {choice} ?", second),
                (f"Do {first} and {wrong} rhyme?", "no"),
                (f"Do {first} and {second} rhyme?", "yes"),
                (f"End a line so that it rhymes with: {one}", other),
                (f"Write two lines that rhyme on {first} and {second}", f"{lines[0]},\n{lines[1]}."),
                (f"Add a line that rhymes: {lines[0]},", f"{lines[1]}."),
            ],
            3,
        )
    how = f"{'I' if plan.person == 'first' else plan.hero.name}, {plan.tense} tense, wish to {plan.wish}"
    return f"How: {how}", some(rng, pairs, 8)


def numbering(rng: Random, level: float) -> tuple[str, list[Pair]]:
    """A text with numbered sentences: to say one of them, to count them, to go on."""
    plan = plan_of(rng, level, "story")
    told = sentences(plan, rng, ordered=False)
    asks = [(f"Say sentence {number + 1} .", sentence) for number, sentence in enumerate(told)]
    asks += [(f"Which number has this: {sentence}", str(number + 1)) for number, sentence in enumerate(told[:2])]
    cut = rng.randint(1, len(told) - 1)
    asks += [
        ("How many sentences?", str(len(told))),
        (f"What comes after this: {told[cut - 1]}", told[cut]),
        (f"Say the first {cut} .", " ".join(told[:cut])),
        (f"Which words start sentence {cut + 1} ?", " ".join(re.findall(r"[A-Za-z']+", told[cut])[:2])),
    ]
    return "Text: " + " ".join(f"{number + 1} : {sentence}" for number, sentence in enumerate(told)), some(rng, asks, 6)


LESSONS = {
    "reading": reading,
    "heeding": heeding,
    "telling": telling,
    "composing": composing,
    "retelling": retelling,
    "avoiding": avoiding,
    "rhyming": rhyming,
    "numbering": numbering,
}
