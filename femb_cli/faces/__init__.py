"""Faces: from photos to aligned faces.

A photo is decoded upright (`decode_photo` in `data/images`), its faces are found, some of them are chosen, and each is
cut out of the full-size photo so that its landmarks lie on the ArcFace template.
"""

from femb_cli.config.detectors import DETECTORS
from femb_cli.faces.align import align_faces
from femb_cli.faces.choose import Choice, choose_faces
from femb_cli.faces.face import Face
from femb_cli.faces.find import FaceFinder
from femb_cli.faces.load import load_face_finder

__all__ = ["DETECTORS", "Choice", "Face", "FaceFinder", "align_faces", "choose_faces", "load_face_finder"]
