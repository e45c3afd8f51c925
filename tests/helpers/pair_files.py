"""Pair files in both formats, made up."""

LFW = ["2\t2", "Ann\t1\t2", "Bob\t3\t1", "Ann\t1\tBob\t12", "Bob\t2\tCy\t1"]
LFW += ["Cy\t1\t2", "Dee\t1\t2", "Cy\t1\tDee\t1", "Dee\t2\tAnn\t2"]
CSV = ["ref,probe,mated", "a/1.jpg,a/2.jpg,1", "a/1.jpg,b/1.jpg,0", "b/1.jpg,b/2.jpg,true", "b/2.jpg,c/1.jpg,False"]

FOLDS = ["ref,probe,mated,fold", "a/1.jpg,a/2.jpg,1,2", "a/1.jpg,b/1.jpg,0,0", "b/1.jpg,b/2.jpg,1, 1 "]
FOLDS += ["b/2.jpg,c/1.jpg,0,0"]


def write_pair_file(folder, lines, end="\n"):
    """Write lines, or bytes as they are, to a file and return its path."""
    path = folder / "pairs.txt"
    path.write_bytes(end.join(lines).encode() if isinstance(lines, list) else lines)
    return path
