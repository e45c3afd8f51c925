"""From YAML and settings to a checked configuration."""

import pytest
import yaml

from femb_cli.config.changes import assign, parse_setting
from femb_cli.config.load import dump_config, load_config, read_yaml, to_tree
from femb_cli.config.schema import (
    AdamWConfig,
    ArcFaceConfig,
    CosFaceConfig,
    DatasetConfig,
    MagFaceConfig,
    SGDConfig,
    TrainConfig,
    ViTConfig,
)
from femb_cli.errors import UsageError


def load(tmp_path, text, *settings, **options):
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, settings, **options)


def test_nothing_gives_the_defaults(tmp_path):
    assert load_config(None) == TrainConfig()
    assert load(tmp_path, "") == TrainConfig()


def test_settings_win_over_overrides_and_these_over_the_file(tmp_path):
    config = load(
        tmp_path,
        "{batch_size: 1, seed: 1, workers: 1}",
        "batch_size=3",
        overrides={"batch_size": 2, "seed": 2},
    )
    assert (config.batch_size, config.seed, config.workers) == (3, 2, 1)


def test_a_bare_name_stands_for_an_entry_with_its_defaults(tmp_path):
    assert load(tmp_path, "header: cosface").header == CosFaceConfig()


def test_an_entry_without_a_name_is_the_first_of_its_union(tmp_path):
    assert load(tmp_path, "header: {margin: 0.3}").header == ArcFaceConfig(margin=0.3)


@pytest.mark.parametrize("settings", [["optimizer=adamw", "optimizer.lr=0.5"], ["optimizer.lr=0.5", "optimizer=adamw"]])
def test_sections_are_applied_before_their_values(settings):
    assert load_config(None, settings).optimizer == AdamWConfig(lr=0.5)


def test_naming_another_entry_starts_from_its_defaults(tmp_path):
    config = load(tmp_path, "optimizer: {name: sgd, lr: 0.7, momentum: 0.1}", "optimizer=adamw")
    assert config.optimizer == AdamWConfig()


def test_naming_the_same_entry_keeps_its_values(tmp_path):
    config = load(tmp_path, "optimizer: {name: sgd, lr: 0.7}", "optimizer=sgd", "optimizer.momentum=0.1")
    assert config.optimizer == SGDConfig(lr=0.7, momentum=0.1)


@pytest.mark.parametrize("text, number", [("1e-3", 1e-3), ("5E+2", 500.0), ("0.1", 0.1), ("1.e2", 100.0), ("3", 3.0)])
def test_numbers_are_read_as_people_write_them(tmp_path, text, number):
    assert load_config(None, [f"optimizer.lr={text}"]).optimizer.lr == number
    assert load(tmp_path, f"optimizer: {{lr: {text}}}").optimizer.lr == number


def test_values_are_read_as_yaml():
    assert parse_setting("a.b=[1, x]") == ("a.b", [1, "x"])
    assert parse_setting("a=null") == ("a", None)
    assert parse_setting("data.path=a=b") == ("data.path", "a=b")


@pytest.mark.parametrize("setting", ["batch_size", "=3", "batch_size=[1"])
def test_a_setting_that_cannot_be_read_is_quoted(setting):
    with pytest.raises(UsageError) as caught:
        load_config(None, [setting])
    assert setting in caught.value.message


@pytest.mark.parametrize(
    "text, key, suggestion",
    [
        ("bach_size: 3", "'bach_size'", "'batch_size'"),
        ("optimizer: {name: sgd, momentun: 0.9}", "'optimizer.momentun'", "'optimizer.momentum'"),
        ("checkpoint: {evry: 3}", "'checkpoint.evry'", "'checkpoint.every'"),
        ("header: arcfase", "header 'arcfase'", "'arcface'"),
        ("schedule: cosin", "schedule 'cosin'", "'cosine'"),
        ("backbone: {name: irsenet50}", "backbone 'irsenet50'", "iresnet50"),
    ],
)
def test_a_misspelt_key_is_named_and_the_right_one_suggested(tmp_path, text, key, suggestion):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert key in caught.value.message
    assert suggestion in caught.value.hint


def test_a_value_of_another_entry_is_no_value_of_this_one(tmp_path):
    with pytest.raises(UsageError, match=r"optimizer\.momentum"):
        load(tmp_path, "optimizer: {name: adamw, momentum: 0.9}")


@pytest.mark.parametrize(
    "setting",
    [
        "batch_size=0",
        "batch_size=1.5",
        "batch_size=many",
        "optimizer.lr=-1",
        "optimizer.lr=.nan",
        "optimizer.nesterov=1",
        "augment=[{probability: 1.5}]",
        "precision=fp8",
        "schedule.milestones=[0.5, 2]",
        "backbone.dropout=1",
        "optimizer.lr=true",
    ],
)
def test_a_bad_value_is_named_with_its_key(setting):
    with pytest.raises(UsageError, match=setting.partition("=")[0]):
        load_config(None, [setting])


@pytest.mark.parametrize("text", ["[1, 2]", "just text", "a: b: c", "!!python/object/apply:os.getcwd []", "header: 3"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    with pytest.raises(UsageError):
        load(tmp_path, text)


def test_a_setting_below_a_value_is_refused():
    with pytest.raises(UsageError, match="batch_size is a value"):
        load_config(None, ["batch_size=3", "batch_size.x=3"])


def test_an_unknown_file_suggests_the_closest_name_or_the_list():
    for name, hint in (("quikstart", "did you mean 'quickstart'?"), ("mine.yaml", "femb list configs")):
        with pytest.raises(UsageError, match=f"no configuration '{name}', neither here nor in femb") as caught:
            load_config(name)
        assert hint in caught.value.hint


@pytest.mark.parametrize("length", ["steps=100", "epochs=3"])
@pytest.mark.parametrize("file", ["steps: 7", "epochs: 7", "{steps: null, epochs: 7}", ""])
def test_the_later_choice_of_a_length_wins(tmp_path, file, length):
    config = load(tmp_path, file, length)
    assert (config.steps, config.epochs) == ((100, None) if length == "steps=100" else (None, 3.0))


def test_steps_alone_need_no_word_on_epochs(tmp_path):
    config = load(tmp_path, "steps: 7")
    assert (config.steps, config.epochs) == (7, None)


@pytest.mark.parametrize("file", ["{steps: 7, epochs: 7}", "{steps: null, epochs: null}", "epochs: null"])
def test_a_run_has_exactly_one_length(tmp_path, file):
    with pytest.raises(UsageError, match="either steps or epochs"):
        load(tmp_path, file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "steps: 7",
        "{header: magface, backbone: mbf, optimizer: adamw, clip_gradient: null}",
        "{schedule: {name: step, milestones: [0.1, 0.25]}, validation: {benchmarks: [lfw, cfp_fp]}}",
        "{data: {name: dataset, path: some folder}, optimizer: {lr: 1e-20}}",
        "{header: {name: sphereface, scale: null}}",
    ],
)
def test_a_dumped_configuration_loads_to_an_equal_one(tmp_path, text):
    config = load(tmp_path, text)
    assert load(tmp_path, dump_config(config)) == config


def test_a_dumped_configuration_says_every_default():
    tree = to_tree(TrainConfig())
    assert tree["header"] == {
        "name": "arcface",
        "scale": 64.0,
        "margin": 0.5,
        "gradient": "exact",
        "interclass_filter": None,
    }
    assert tree["schedule"]["milestones"] == [0.4, 0.72, 0.88]


@pytest.mark.parametrize("path", ["1e5", "2e10"])
def test_a_quoted_text_stays_a_text(tmp_path, path):
    assert load(tmp_path, f"data: {{name: dataset, path: '{path}'}}").data == DatasetConfig(path=path)


def test_a_name_that_is_no_text_is_refused(tmp_path):
    with pytest.raises(UsageError, match="header"):
        load(tmp_path, "header: {name: [arcface]}")


@pytest.mark.parametrize("setting", ["optimizer.lr=.inf", "header.margin=.nan", "seed=2020-13-45"])
def test_a_value_that_is_no_finite_number_is_refused(setting):
    with pytest.raises(UsageError):
        load_config(None, [setting])


def test_a_text_that_looks_like_a_number_survives_a_dump(tmp_path):
    config = load(tmp_path, "data: {name: dataset, path: '1e5'}")
    assert load(tmp_path, dump_config(config)).data == DatasetConfig(path="1e5")


def test_reading_numbers_leaves_other_users_of_yaml_alone():
    assert yaml.safe_load("1e-3") == "1e-3"
    assert parse_setting("a=1e-3") == ("a", 0.001)
    assert parse_setting("a=[1e3, x1e3, 1e3x]") == ("a", [1000.0, "x1e3", "1e3x"])


def test_an_empty_file_and_a_file_of_comments_are_empty_mappings(tmp_path):
    file = tmp_path / "config.yaml"
    for text in ("", "# nothing\n"):
        file.write_text(text)
        assert read_yaml(file) == {}


def test_assigning_a_value_makes_the_sections_above_it():
    tree = {"header": "arcface"}
    assign(tree, "header.margin", 0.3)
    assign(tree, "checkpoint.every", 5)
    assert tree == {"header": {"name": "arcface", "margin": 0.3}, "checkpoint": {"every": 5}}


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(b"seed: 1 # caf\xe9")
    with pytest.raises(UsageError, match=r"config\.yaml is not UTF-8 text"):
        load_config(file)
    with pytest.raises(UsageError, match="no configuration"):
        load_config(tmp_path)
    with pytest.raises(UsageError, match="no configuration"):
        load_config("x" * 5000)
    file.write_bytes(b"\xef\xbb\xbfseed: 1")
    assert load_config(file).seed == 1


@pytest.mark.parametrize(
    "setting",
    [
        f"precision={'x' * 5000}",
        f"{'x' * 5000}=1",
        f"{'a.' * 5000}a=1",
        f"seed={'1' * 4000}",
        f"seed=0x{'1' * 5000}",
        f"header={{name: 0x{'1' * 5000}}}",
        f"seed={'1' * 5000}",
        f"validation.benchmarks={'x' * 5000}",
        f"data={'x' * 5000}",
        f"batch_size.{'x' * 5000}=1",
        f"{'x' * 5000}",
    ],
)
def test_a_long_setting_is_refused_in_short(setting):
    with pytest.raises(UsageError) as caught:
        load_config(None, ["batch_size=3", setting])
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    "setting",
    ["seed=9223372036854775808", "epochs=1e300", "workers=10000000", "backbone.embedding_dim=1000000000"],
)
def test_an_absurd_number_is_refused(setting):
    with pytest.raises(UsageError, match="less than or equal"):
        load_config(None, [setting])


RECIPE = "backbone: {name: iresnet50, dropout: 0.4, bn_eps: 2e-5, embedding_dim: 256, input_size: 64}"


@pytest.mark.parametrize("setting", ["backbone=iresnet100", "backbone.name=iresnet100"])
def test_another_depth_keeps_the_settings_of_the_network_in_both_spellings(tmp_path, setting):
    expected = load(tmp_path, RECIPE.replace("iresnet50", "iresnet100")).backbone
    assert load(tmp_path, RECIPE, setting).backbone == expected
    assert load(tmp_path, RECIPE, overrides=dict([setting.split("=")])).backbone == expected
    assert expected.dropout == 0.4


@pytest.mark.parametrize("setting", ["backbone=vit_t", "backbone.name=vit_t"])
def test_a_network_of_another_kind_keeps_the_sizes_of_images_and_embeddings(tmp_path, setting):
    assert load(tmp_path, RECIPE, setting).backbone == ViTConfig(name="vit_t", embedding_dim=256, input_size=64)


@pytest.mark.parametrize("setting", ["header=magface", "header.name=magface"])
def test_another_header_starts_from_its_defaults_in_both_spellings(tmp_path, setting):
    assert load(tmp_path, "header: {name: arcface, margin: 0.3}", setting).header == MagFaceConfig()


def test_a_rate_that_is_named_is_for_the_batch_of_the_run(tmp_path):
    text = "optimizer: {lr: 0.1, lr_batch_size: 512}"
    assert load(tmp_path, text).optimizer.lr_batch_size == 512
    assert load(tmp_path, text, "optimizer.lr=0.2").optimizer.lr_batch_size is None
    assert load(tmp_path, text, "optimizer.lr_batch_size=256", "optimizer.lr=0.2").optimizer.lr_batch_size == 256


@pytest.mark.parametrize("length", [0, 0.5, 1, "3 steps", "1 step", "2.5 epochs", "1 epoch"])
def test_a_length_in_a_run_is_a_share_or_steps_or_epochs(tmp_path, length):
    config = load(tmp_path, f"schedule: {{warmup: {length}, milestones: [{length}]}}")
    assert (config.schedule.warmup, config.schedule.milestones) == (length, (length,))


@pytest.mark.parametrize("length", ["-0.1", "1.5", "5", "3 weeks", "-2 epochs", "true", "null", "[1]", "steps"])
def test_other_lengths_are_refused(tmp_path, length):
    with pytest.raises(UsageError, match=r"schedule\.warmup = .*a share of the run from 0 to 1"):
        load(tmp_path, f"schedule: {{warmup: {length}}}")
    with pytest.raises(UsageError, match=r"schedule\.milestones\[1\] = .*a share of the run from 0 to 1"):
        load(tmp_path, f"schedule: {{milestones: [0.5, {length}]}}")


def test_variables_and_the_home_directory_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SETS", "/sets")
    monkeypatch.delenv("NO_SUCH_NAME", raising=False)

    def path(text):
        return load(tmp_path, f"data: {{name: dataset, path: '{text}'}}").data.path

    assert path("~/sets/ms1mv3") == "/home/me/sets/ms1mv3"
    assert path("${oc.env:SETS}/a") == path("${SETS}/a") == "/sets/a"
    assert path("${NO_SUCH_NAME,/else}/a") == "/else/a"
    assert path("a~b") == "a~b"
    with pytest.raises(UsageError, match="NO_SUCH_NAME is not set"):
        path("${NO_SUCH_NAME}/a")


def test_a_configuration_of_face_embeddings_is_answered_with_a_command(tmp_path):
    text = """
seed: 7
datamodule: {class_path: src.HFDatamodule, init_args: {parquet_fp: '${oc.env:D}/x.parquet', batch_size: 128}}
pl_module: {class_path: src.pl_module.FembModule, init_args: {backbone: iresnet100, header: magface, lr: 0.02}}
trainer: {class_path: Trainer, init_args: {max_epochs: 5, devices: [0]}}
"""
    with pytest.raises(UsageError, match="face-embeddings") as caught:
        load(tmp_path, text)
    assert caught.value.hint == (
        'femb train seed_arcface_r50_ms1mv2 --backbone iresnet100 --header magface --data "${D}/x.parquet"'
        " --batch-size 128 --lr 0.02 --epochs 5 --seed 7"
    )


@pytest.mark.parametrize("setting", ["augment.flip=0", "augment={flip: 0.5}", "augment=flip"])
def test_an_augmentation_that_is_no_list_is_answered_with_one(setting):
    with pytest.raises(UsageError, match="augment must be a list") as caught:
        load_config(None, [setting])
    assert "augment: [flip, {name: geometry, ...}]" in caught.value.hint


def test_a_list_is_set_as_a_whole(tmp_path):
    assert [entry.name for entry in load_config(None, ["augment=[flip, grey]"]).augment] == ["flip", "grey"]
    assert load_config(None, ["augment=[]"]).augment == ()
    (tmp_path / "own.yaml").write_text("augment: [flip]\n")
    with pytest.raises(UsageError, match="augment is a list") as caught:
        load_config(tmp_path / "own.yaml", ["augment.flip=0"])
    assert "--set augment=[...]" in caught.value.hint


def test_a_backbone_of_another_projects_name_is_proposed_by_its_layers():
    with pytest.raises(UsageError, match="unknown backbone 'r50'") as caught:
        load_config("quickstart", [], {"backbone": "r50"})
    assert caught.value.hint == "did you mean 'iresnet50' or 'ir50' or 'irse50'?"


def test_a_setting_is_proposed_where_it_is():
    with pytest.raises(UsageError, match="unknown setting 'lr'") as caught:
        load_config("quickstart", ["lr=0.1"])
    assert caught.value.hint == "did you mean 'optimizer.lr'?"
