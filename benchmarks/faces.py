"""Draw the sheet of faces that the README shows: each row is one person, each column one photograph.

python benchmarks/faces.py benchmarks/faces.jpg
"""

import io
import sys

from PIL import Image

from femb_cli.data.synthetic.faces import photograph

PEOPLE, PHOTOGRAPHS, SIZE = range(20, 24), range(10), 112


def main(file: str) -> None:
    """Draw the faces and write the sheet."""
    sheet = Image.new("RGB", (SIZE * len(PHOTOGRAPHS), SIZE * len(PEOPLE)))
    for row, person in enumerate(PEOPLE):
        for column, index in enumerate(PHOTOGRAPHS):
            face = Image.open(io.BytesIO(photograph(0, person, index).jpeg))
            sheet.paste(face, (SIZE * column, SIZE * row))
    sheet.save(file, quality=85)


if __name__ == "__main__":
    main(sys.argv[1])
