"""The families of official weights: how femb reads, and for some projects writes, their files."""

from femb_cli.checkpoints.official.family import ClassWeights, Family, Layout
from femb_cli.checkpoints.official.networks.ir import IR, IR_WITHOUT_INNER_NORM
from femb_cli.checkpoints.official.networks.iresnet import IRESNET
from femb_cli.checkpoints.official.networks.mobilefacenet import MOBILEFACENET, WIDE_MOBILEFACENET
from femb_cli.checkpoints.official.networks.vit import VIT
from femb_cli.data.images.preprocess import Preprocessing

ARCFACE_TORCH = Family(
    name="arcface_torch",
    repository="https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch",
    license="non-commercial research",
    architectures=(IRESNET, WIDE_MOBILEFACENET, VIT),
    class_weights_beside=(ClassWeights(""), ClassWeights("weight")),
)

MAGFACE = Family(
    name="magface",
    repository="https://github.com/IrvingMeng/MagFace",
    license="Apache-2.0 (the code); the training images' terms",
    architectures=(IRESNET,),
    prefixes=("features.module.", "module.features.", ""),
    class_weights=(ClassWeights("parallel_fc.weight"), ClassWeights("module.fc.weight", is_transposed=True)),
    preprocessing=Preprocessing(channel_order="BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    bn_eps=2e-5,
    flip="none",
    magnitude_is_quality=True,
)

ELASTICFACE = Family(
    name="elasticface",
    repository="https://github.com/fdbtrs/ElasticFace",
    license="CC BY-NC-SA 4.0",
    architectures=(IRESNET,),
    class_weights_beside=(ClassWeights("kernel", is_transposed=True),),
)

ADAFACE = Family(
    name="adaface",
    repository="https://github.com/mk-minchul/AdaFace",
    license="MIT (the code); the training images' terms",
    architectures=(IR,),
    prefixes=("model.", ""),
    class_weights=(ClassWeights("head.kernel", is_transposed=True),),
    ignored=("head.t", "head.batch_mean", "head.batch_std"),
    preprocessing=Preprocessing(channel_order="BGR"),
    magnitude_is_quality=True,
)

CVLFACE = Family(
    name="cvlface",
    repository="https://github.com/mk-minchul/CVLface",
    license="MIT (the code); the training images' terms",
    architectures=(IR, IRESNET),
    prefixes=("net.", "model.net."),
    has_colour_settings=True,
)

TFACE = Family(
    name="tface",
    repository="https://github.com/Tencent/TFace",
    license="Apache-2.0 (the code); the training images' terms",
    architectures=(IR,),
    prefixes=("", "module."),
)

FACE_EVOLVE = Family(
    name="face.evoLVe",
    repository="https://github.com/ZhaoJ9014/face.evoLVe",
    license="MIT (the code); the training images' terms",
    architectures=(IR_WITHOUT_INNER_NORM,),
    prefixes=("", "module."),
    class_weights_beside=(ClassWeights("weight"),),
)

SEED = Family(
    name="seed",
    repository="https://github.com/alexkrz/face-embeddings",
    license="none stated",
    architectures=(IRESNET,),
    prefixes=("backbone.", ""),
    class_weights=(ClassWeights("header.weight"), ClassWeights("header.kernel", is_transposed=True)),
    bn_eps=2e-5,
    flip="none",
)

FOAMLIU = Family(
    name="foamliu",
    repository="https://github.com/foamliu/MobileFaceNet",
    license="Apache-2.0",
    architectures=(MOBILEFACENET,),
    preprocessing=Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
)

INSIGHTFACE = Family(
    name="insightface",
    repository="https://github.com/deepinsight/insightface/tree/master/python-package",
    license="non-commercial research",
    architectures=(),
)
"""Its model packs are ONNX files: femb recognises the network by the graph, not by tensor names."""

OTHER_ONNX = Family(
    name="onnx",
    repository="not stated",
    license="not stated: that of the file's authors",
    architectures=(),
)
"""An ONNX file of any project, whose pixels a file beside it states."""

FAMILIES = {
    family.name: family
    for family in (
        *(ARCFACE_TORCH, MAGFACE, ELASTICFACE, ADAFACE, CVLFACE, TFACE, FACE_EVOLVE, SEED, FOAMLIU, INSIGHTFACE),
    )
}
"""The families by name."""

LAYOUTS = {
    "arcface": Layout(ARCFACE_TORCH, project="arcface_torch"),
    "magface": Layout(MAGFACE, project="MagFace", is_wrapped=True),
}
"""The layouts that femb writes, by the name of `femb export --format`.

Sources: https://github.com/deepinsight/insightface (recognition/arcface_torch), whose `backbone.pth` is a plain state
dict; https://github.com/IrvingMeng/MagFace, whose file wraps the state dict of its distributed training.
"""
