"""The shortest training that is one."""

TINY = (
    *("--steps", "8", "--batch-size", "16", "--set", "data.num_identities=20", "--set", "data.images_per_identity=4"),
    *(
        "--set",
        "backbone.width=0.125",
        "--set",
        "backbone.input_size=32",
        "--set",
        "workers=0",
        "--set",
        "log_every=4",
        "--set",
        "checkpoint.every=4",
    ),
)
"""A training of a second or two."""
