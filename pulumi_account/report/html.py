"""HTML that is escaped by construction: everything that `tag` did not make is text."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"meta"})


class Html(str):
    """HTML, as opposed to text."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | None) -> Html:
    """An element; text in it and in its attributes is escaped, and attributes that are None are left out.

    ``class_`` is the attribute ``class``, ``data_label`` is ``data-label``.
    """
    given = {
        key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None
    }
    start = "".join([f"<{name}", *(f' {key}="{escape(value)}"' for key, value in given.items()), ">"])
    return Html(start if name in _VOID else f"{start}{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    """Concatenate parts; text is escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))
