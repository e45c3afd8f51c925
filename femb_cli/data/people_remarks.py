"""What to tell a user about who is on the images of a source: what femb guessed, and what looks wrong.

Shapes: N images, C identities.
"""

from femb_cli.data.source import DerivedSource, HasColumns, HasFoundPeople, HasLooseFiles, ImageSource


def guess_of(source: ImageSource) -> str:
    """Return the sentence on what femb took for people; empty if there was nothing to choose."""
    source = _original(source)
    return source.found.guess if isinstance(source, HasFoundPeople) else ""


def doubt_of(source: ImageSource) -> str:
    """Return a warning if the identities tell nothing: each image has its own, or all have the same; else nothing."""
    source = _original(source)
    if source.identities is None or len(source) < 2:
        return ""
    names, labels_N = source.identities.names, source.identities.labels_N
    if len(names) == 1 and (labels_N >= 0).all():
        return f"all {len(source):,} images are of one person, {names[0]!r}{_advice(source)}"
    if len(names) == len(source) and (labels_N >= 0).all():
        return f"each of the {len(source):,} images has a person of its own{_advice(source)}"
    return ""


def _original(source: ImageSource) -> ImageSource:
    return _original(source.source) if isinstance(source, DerivedSource) else source


def _advice(source: ImageSource) -> str:
    if isinstance(source, HasColumns):
        return f": --label COLUMN says who is on an image; the columns are {source.described_columns}"
    if isinstance(source, HasLooseFiles) or source.kind == "zip":
        return ": --person-folder N says which folders are people, a list with paths and people can do so, too"
    if source.kind == "recordio":
        return ": a list of images and people beside the file, such as train.lst, can say who is on them"
    return ""
