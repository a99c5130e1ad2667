"""The prompt of a judge, which is a file, and the place in it for what is judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from factory.errors import Mistake
from factory.store import Source, sha256


def rubric(named: str | None, folder: Path, ours: Path, place: str, where: str) -> Source:
    """The rubric that is named, else the one in the specialist's folder, else the factory's; by content.

    Mistake where there is no such file, it is no text, or `place` does not stand in it once.
    """
    own = folder / ours.name
    path = Path(named).expanduser() if named else own if own.is_file() else ours
    try:
        once = path.is_file() and path.read_text(encoding="utf-8").count(place) == 1
    except UnicodeDecodeError as error:
        raise Mistake(f"{where}.rubric={path}", f"is not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    if not once:
        raise Mistake(f"{where}.rubric={path}", f"no such file, or {place} does not stand in it once", "mend it")
    return Source(path, sha256(path))


def as_data(plain: Any) -> str:
    """Plain data as JSON in which no `</` stands: no text can end its string, or the place that a rubric keeps for it."""
    return json.dumps(plain, ensure_ascii=False, indent=1).replace("</", "<\\/")
