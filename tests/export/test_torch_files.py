"""TorchScript and torch.export: the card inside, and batches of any size."""

import json

import numpy as np
import torch
from exported import SIZE, relative

from femb_cli.checkpoints.card import ModelCard
from femb_cli.export.torch_files import open_program


def test_torchscript_carries_the_whole_card(checkpoint, script_file):
    texts = {"femb.json": ""}
    torch.jit.load(str(script_file), _extra_files=texts)
    assert ModelCard.from_metadata(json.loads(texts["femb.json"]), "model.ts") == checkpoint.card


def test_a_torch_export_archive_takes_batches_of_any_size(program_file, checkpoint, original):
    program = open_program(program_file)
    assert program.card.fingerprint == checkpoint.card.fingerprint
    for batch in (1, 5):
        images = np.random.default_rng(batch).integers(0, 256, (batch, SIZE, SIZE, 3), dtype=np.uint8)
        found = program.run(torch.from_numpy(images)).detach().numpy()
        assert relative(found, original(images)) <= 1e-4


def test_no_path_of_the_machine_is_in_the_archive(program_file):
    assert b"iresnet.py" not in program_file.read_bytes()
