"""Changes of a casino's configuration as JSON merge patches (RFC 7396), and the options that a change resets."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recommendations.validation.normal_form import upper_form
from recommendations.validation.status_words import normalized

from .output_schema import in_normal_form

_SCHEMA_LEVELS = 4  # field, definition, fields of events, their definitions
_OPTION_LEVELS = 2  # below an option: a group such as `status_words`, and an object in it
_REPLACED_WHOLE = {"mapping": 1}  # a mapping is one document, which a merge would corrupt

# Objects whose keys have several spellings: the function that returns a key's stored form.
_KEY_FORMS: Mapping[tuple[str, ...], Callable[[str], str]] = {
    ("max_stakes",): upper_form,
    ("default_stakes",): upper_form,
    ("catalogue", "currency_decimals"): upper_form,
    ("status_words", "events"): normalized,
    ("status_words", "users"): normalized,
    ("status_words", "markets"): normalized,
}


def patch_options(stored: Mapping[str, Any] | None, patch: object) -> object:
    """The options after a patch: null resets an option or removes an entry; a patch of None resets all options."""
    if not isinstance(patch, dict):
        return patch
    patched = dict(stored or {})
    for name, given in patch.items():
        if given is None:
            patched.pop(name, None)
        else:
            value = _with_stored_keys((name,), given, patched.get(name))
            patched[name] = _merge(patched.get(name), value, _REPLACED_WHOLE.get(name, _OPTION_LEVELS))
    return patched


def patch_schema(stored: object, patch: object) -> Any:
    """The recommendation schema after a patch: null removes a field. Fields keep their order. Raises
    InvalidConfiguration."""
    return _merge(stored, in_normal_form(patch), _SCHEMA_LEVELS)


def reset_options(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """The options, such as `max_odd` or `blocked.teams`, that had another value before and now have their default. Both
    mappings are options as stored in the catalogue, without defaults."""
    return list(_reset(before or {}, after or {}))


def _reset(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, value in before.items():
        now = after.get(name)
        if name not in after and value != {}:
            yield name
        elif isinstance(value, dict) and isinstance(now, dict):
            yield from (f"{name}.{inner}" for inner in value if inner not in now)


def _merge(stored: object, patch: object, levels: int) -> object:
    """Merge as in RFC 7396, down to a number of levels; deeper values are replaced."""
    if not isinstance(patch, dict) or not levels:
        return patch
    merged = dict(stored) if isinstance(stored, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value, levels - 1)
    return merged


def _with_stored_keys(path: tuple[str, ...], patch: object, stored: object) -> object:
    """The patch with each key in its stored form, if it is stored: `{"eur": null}` removes EUR."""
    if not isinstance(patch, dict) or not isinstance(stored, dict):
        return patch
    if (form := _KEY_FORMS.get(path)) is not None:
        return {(form(key) if form(key) in stored else key): value for key, value in patch.items()}
    if len(path) > 1:
        return patch
    return {key: _with_stored_keys((*path, key), value, stored.get(key)) for key, value in patch.items()}
