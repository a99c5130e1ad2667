"""Where SQL states come from: a family becomes a schema, the schema is filled, a pattern becomes a query tree."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from factory.specialist import Inapplicable
from factory.specialists.sql import patterns
from factory.specialists.sql.families import Entity, Family, Field, Side, families, renamed, words
from factory.specialists.sql.state import Cell, Column, Frozen, Rows, Schema, State, Table

STYLES = {"verbatim": "snake", "joined": "joined", "abbreviated": "abbreviated", "synonym": "snake"}
VOWELS = set("aeiou")


class Settings(Frozen):
    """The `specialist.settings` of SQL."""

    difficulty: dict[str, float]
    """Weight of each difficulty: easy, medium, hard."""
    wording: dict[str, float]
    """Weight of each distance between words and identifiers: verbatim, joined, abbreviated, synonym."""
    spare_table: float
    """Chance that a schema has one table more than its query needs."""
    nullable: float
    """Chance that a column which is not a key may be null."""
    renamed: float
    """Chance that a training schema has new names, so that they must be read and cannot be known."""


def draw(rng: Random, settings: Settings, side: Side) -> State:
    """One state of one side (train or exam); Inapplicable where the draw does not come out."""
    difficulty = weighted(rng, settings.difficulty)
    name = rng.choice(patterns.names(difficulty, side))
    wording = weighted(rng, settings.wording)
    family = rng.choice(families(side))
    if side == "train" and settings.renamed and rng.random() < settings.renamed:
        family = renamed(rng, family)
    schema = draw_schema(rng, family, wording, patterns.PATTERNS[name].tables, settings)
    rows = fill(rng, schema)
    query = patterns.PATTERNS[name].make(patterns.Draft(rng, schema, rows))
    return State(database=schema, rows=rows, pattern=name, difficulty=difficulty, wording=wording, query=query)


def weighted(rng: Random, weights: dict[str, float]) -> str:
    """One key, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def draw_schema(rng: Random, family: Family, wording: str, needed: int, settings: Settings) -> Schema:
    """A schema of `needed` linked tables of the family, perhaps one more, in the naming style of the wording."""
    count = min(needed + (rng.random() < settings.spare_table), len(family.entities))
    chosen = linked(rng, family, count)
    style = STYLES[wording]
    short_key = rng.random() < 0.4
    labels = {entity.label: identifier(entity.label, style) for entity in chosen}
    tables = tuple(draw_table(rng, entity, style, labels, short_key, settings.nullable) for entity in chosen)
    for names in ([table.name for table in tables], *([c.name for c in table.columns] for table in tables)):
        if len(set(names)) < len(names):
            raise Inapplicable("two names abbreviate to one")
        if set(words()["reserved"]) & set(names):
            raise Inapplicable("a name is a word of SQL")
    told_apart(tables)
    return Schema(family=family.name, style=style, tables=tables)


def told_apart(tables: tuple[Table, ...]) -> None:
    """Inapplicable where a word of a question could mean two tables, or two columns of one table."""
    for things in (tables, *(table.columns for table in tables)):
        said = [word for thing in things for word in {thing.label, thing.synonym}]
        if len(set(said)) < len(said):
            raise Inapplicable("two things go by one word")


def linked(rng: Random, family: Family, count: int) -> list[Entity]:
    """`count` entities of the family, each after the first linked to one before it; in a shuffled order."""
    chosen = [rng.choice(family.entities)]
    while len(chosen) < count:
        labels = {entity.label for entity in chosen}
        near = [
            entity
            for entity in family.entities
            if entity.label not in labels
            and (targets(entity) & labels or any(entity.label in targets(other) for other in chosen))
        ]
        if not near:
            raise Inapplicable("the family has no linked table left")
        chosen.append(rng.choice(near))
    rng.shuffle(chosen)
    return chosen


def targets(entity: Entity) -> set[str]:
    """The labels of the entities it refers to."""
    return {field.target for field in entity.fields if field.target}


def draw_table(
    rng: Random, entity: Entity, style: str, labels: dict[str, str], short_key: bool, nullable: float
) -> Table:
    """A table with its key, its references inside the schema and three to five of its fields, in a shuffled order."""
    name = labels[entity.label]
    glue = "" if style == "joined" else "_"
    key = Column(name="id" if short_key else f"{name}{glue}id", label=f"{entity.label} id", synonym="id", kind="id")
    plain = [field for field in entity.fields if not field.target]
    kept = set(rng.sample(range(len(plain)), min(len(plain), rng.randint(3, 5))))
    columns = [
        column(field, identifier(field.label, style), rng.random() < nullable)
        for i, field in enumerate(plain)
        if i in kept
    ]
    columns += [
        Column(
            name=f"{identifier(field.label, style)}{glue}id",
            label=field.label,
            synonym=field.synonym,
            kind="reference",
            target=labels[field.target],
        )
        for field in entity.fields
        if field.target in labels
    ]
    rng.shuffle(columns)
    return Table(name=name, label=entity.label, synonym=entity.synonym, columns=(key, *columns))


def column(field: Field, name: str, nullable: bool) -> Column:
    """The column of a field under that identifier."""
    return Column(
        name=name,
        label=field.label,
        synonym=field.synonym,
        kind=field.kind,
        values=field.values,
        low=field.low,
        high=field.high,
        nullable=nullable,
    )


def identifier(label: str, style: str) -> str:
    """A label as an identifier: birth_year, birthyear or brth_yr."""
    parts = label.replace("-", " ").split()
    if style == "joined":
        return "".join(parts)
    return "_".join(map(abbreviated, parts) if style == "abbreviated" else parts)


def abbreviated(word: str) -> str:
    """A word without its inner vowels, four letters at most: birth -> brth; words of three letters stay."""
    if len(word) <= 3:
        return word
    return (word[0] + "".join(letter for letter in word[1:] if letter not in VOWELS))[:4]


def fill(rng: Random, schema: Schema, constants: dict[str, list[Cell]] | None = None) -> dict[str, Rows]:
    """Rows for every table: 6 to 16 each, references kept whole, nulls where a column may be null.

    Given `constants` (by "table.column"), this makes a perturbed copy: the constants are mixed in with their
    neighbours, so that a query's boundaries are met, and some columns are flat, so that ties and averages are.
    """
    sizes = {table.name: rng.randint(6, 16) for table in schema.tables}
    if constants is None:
        return {
            table.name: tuple(tuple(cell(rng, c, i, sizes) for c in table.columns) for i in range(sizes[table.name]))
            for table in schema.tables
        }
    return {
        table.name: tuple(
            zip(
                *(
                    perturbed(rng, c, sizes, sizes[table.name], constants.get(f"{table.name}.{c.name}", ()))
                    for c in table.columns
                ),
                strict=True,
            )
        )
        for table in schema.tables
    }


def perturbed(rng: Random, column: Column, sizes: dict[str, int], rows: int, constants: Sequence[Cell]) -> list[Cell]:
    """One column of a perturbed copy."""
    cells = [cell(rng, column, i, sizes, constants) for i in range(rows)]
    if column.kind not in ("id", "reference") and rng.random() < 0.25:
        flat = cells[0]
        return [None if other is None else flat for other in cells]
    return cells


def cell(rng: Random, column: Column, position: int, sizes: dict[str, int], constants: Sequence[Cell] = ()) -> Cell:
    """One value of a column."""
    if column.kind == "id":
        return position + 1
    if column.kind == "reference":
        # A fifth of the targets is never referred to, so that "without any" and left joins have something to find.
        return rng.randint(1, max(1, sizes[column.target] * 4 // 5))
    if column.nullable and rng.random() < 0.2:
        return None
    if constants and rng.random() < 0.5:
        return near(rng, rng.choice(constants))
    return value(rng, column)


def near(rng: Random, constant: Cell) -> Cell:
    """The constant itself or, for a number, a neighbour of it."""
    if isinstance(constant, int | float):
        return round(constant + rng.choice((-1, 0, 0, 1)), 1)
    return constant


def value(rng: Random, column: Column) -> Cell:
    """A fresh value of the column's kind."""
    match column.kind:
        case "category":
            return rng.choice(column.values)
        case "integer" | "year":
            return rng.randint(column.low, column.high)
        case "real":
            return round(rng.uniform(column.low, column.high), 1)
        case "date":
            return f"{rng.randint(column.low, column.high)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    lists = {"person": ("first", "last"), "title": ("adjective", "noun"), "place": ("place",)}[column.kind]
    return " ".join(rng.choice(words()[name]) for name in lists)
