"""A recommendation as a document: the same words in JSON, YAML and tables."""

from __future__ import annotations

from typing import Any

import msgspec

from volrewind.plan.figures import Figure
from volrewind.plan.recommend import Advice, Recommendation
from volrewind.services.documents import Document


def recommendation_document(found: Recommendation) -> Document:
    """Return every way with its reasons, and what was seen; sizes in bytes, times in seconds."""
    ground = found.ground
    return {
        "context": ground.context.value,
        "whyContext": found.why_context,
        "needs": [one.value for one in ground.needs],
        "ways": [_advice_document(one) for one in found.advice],
        "notes": list(found.notes),
        "unseen": list(ground.cluster.unseen if ground.cluster else ()),
        "seen": {"host": _plain(ground.host), "cluster": _plain(ground.cluster)},
    }


def _advice_document(advice: Advice) -> Document:
    return {
        "name": advice.way.name,
        "title": advice.way.title,
        "rank": advice.rank,
        "complexity": advice.way.complexity,
        "points": advice.points,
        "reasons": [{"text": one.text, "points": one.points} for one in advice.reasons],
        "missing": list(advice.missing),
        "measured": [_figure_document(one) for one in advice.way.figures],
        "begin": [{"command" if one.is_command else "words": one.text} for one in advice.steps],
    }


def _figure_document(figure: Figure) -> Document:
    return {"what": figure.what, figure.unit: figure.value, "source": f"docs/benchmarks/{figure.file}.json"}


def _plain(value: object) -> Any:  # Any: JSON's values
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {_camel(key): _plain(item) for key, item in msgspec.structs.asdict(value).items()}
    return getattr(value, "value", value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
