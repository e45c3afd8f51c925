"""The families of official weights: how femb reads, and for some projects writes, their files."""

from femb_cli.checkpoints.official.family import ClassWeights, Family, Layout
from femb_cli.checkpoints.official.networks.ir import IR, IR_WITHOUT_INNER_NORM, IRSE, IRSE_WITHOUT_INNER_NORM
from femb_cli.checkpoints.official.networks.iresnet import IRESNET
from femb_cli.checkpoints.official.networks.mobilefacenet import MOBILEFACENET, NAMED_MOBILEFACENET, WIDE_MOBILEFACENET
from femb_cli.checkpoints.official.networks.mxnet import MXNET_IRESNET
from femb_cli.checkpoints.official.networks.vit import GATED_VIT, SMALL_PATCH_VIT, VIT
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
    prefixes=("features.module.", "module.features."),
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
    architectures=(IR, IRSE),
    likely_prefixes=("model.",),
    class_weights=(ClassWeights("head.kernel", is_transposed=True),),
    ignored=("head.t", "head.batch_mean", "head.batch_std"),
    preprocessing=Preprocessing(channel_order="BGR"),
    magnitude_is_quality=True,
)

CVLFACE = Family(
    name="cvlface",
    repository="https://github.com/mk-minchul/CVLface",
    license="MIT (the code); the training images' terms",
    architectures=(IR, IRESNET, SMALL_PATCH_VIT),
    likely_prefixes=("net.", "model.net."),
    class_weights_beside=(ClassWeights("partial_fc.weight"), ClassWeights("classifier.weight")),
    has_colour_settings=True,
)

TFACE = Family(
    name="tface",
    repository="https://github.com/Tencent/TFace",
    license="Apache-2.0 (the code); the training images' terms",
    architectures=(IR, IRSE),
    class_weights_beside=(ClassWeights("kernel", is_transposed=True),),
)

FACE_EVOLVE = Family(
    name="face.evoLVe",
    repository="https://github.com/ZhaoJ9014/face.evoLVe",
    license="MIT (the code); the training images' terms",
    architectures=(IR_WITHOUT_INNER_NORM, IRSE_WITHOUT_INNER_NORM),
    class_weights_beside=(ClassWeights("weight"),),
)

CURRICULARFACE = Family(
    name="CurricularFace",
    repository="https://github.com/HuangYG123/CurricularFace",
    license="MIT (the code); the training images' terms",
    architectures=(IR_WITHOUT_INNER_NORM, IRSE_WITHOUT_INNER_NORM),
)

INSIGHTFACE_PYTORCH = Family(
    name="InsightFace_Pytorch",
    repository="https://github.com/TreB1eN/InsightFace_Pytorch",
    license="MIT (the code); the training images' terms",
    architectures=(IRSE_WITHOUT_INNER_NORM, IR_WITHOUT_INNER_NORM, NAMED_MOBILEFACENET),
    preprocessing=Preprocessing(channel_order="BGR"),
    flip="none",
)

FACEX_ZOO = Family(
    name="FaceX-Zoo",
    repository="https://github.com/JDAI-CV/FaceX-Zoo",
    license="Apache-2.0 (the code); the training images' terms",
    architectures=(IRSE_WITHOUT_INNER_NORM, IR_WITHOUT_INNER_NORM, NAMED_MOBILEFACENET),
    class_weights=(ClassWeights("head.weight", is_transposed=True),),
    preprocessing=Preprocessing(channel_order="BGR", std=(128 / 255, 128 / 255, 128 / 255)),
    flip="none",
)

TOPOFR = Family(
    name="TopoFR",
    repository="https://github.com/DanJun6737/TopoFR",
    license="none stated",
    architectures=(IRESNET,),
    class_weights=(ClassWeights("weight"),),
)

TRANSFACE = Family(
    name="TransFace",
    repository="https://github.com/DanJun6737/TransFace",
    license="none stated",
    architectures=(GATED_VIT,),
)

SEED = Family(
    name="seed",
    repository="https://github.com/alexkrz/face-embeddings",
    license="none stated",
    architectures=(IRESNET,),
    likely_prefixes=("backbone.",),
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
INSIGHTFACE_MXNET = Family(
    name="insightface_mxnet",
    repository="https://github.com/deepinsight/insightface/wiki/Model-Zoo",
    license="non-commercial research",
    architectures=(MXNET_IRESNET,),
    class_weights=(ClassWeights("fc7_weight"),),
    preprocessing=Preprocessing(mean=(0.5, 0.5, 0.5), std=(128 / 255, 128 / 255, 128 / 255)),
    assumed="its graph, which is not in this file, takes RGB and begins with (x - 127.5) * 0.0078125",
    bn_eps=2e-5,
)

FAMILIES = {
    family.name: family
    for family in (
        *(ARCFACE_TORCH, MAGFACE, ELASTICFACE, ADAFACE, CVLFACE, TFACE, FACE_EVOLVE, CURRICULARFACE),
        *(INSIGHTFACE_PYTORCH, FACEX_ZOO, TOPOFR, TRANSFACE, SEED, FOAMLIU, INSIGHTFACE, INSIGHTFACE_MXNET),
    )
}
"""The families by name."""

ARCHITECTURES = (
    *(IRSE, IRSE_WITHOUT_INNER_NORM, IR, IR_WITHOUT_INNER_NORM, IRESNET, MXNET_IRESNET),
    *(WIDE_MOBILEFACENET, NAMED_MOBILEFACENET, MOBILEFACENET, GATED_VIT, SMALL_PATCH_VIT, VIT),
)
"""Every kind of network; one with the tensors of another and further ones stands before it."""

LAYOUTS = {
    "arcface": Layout(ARCFACE_TORCH, project="arcface_torch"),
    "magface": Layout(MAGFACE, project="MagFace", is_wrapped=True),
}
"""The layouts that femb writes, by the name of `femb export --format`.

Sources: https://github.com/deepinsight/insightface (recognition/arcface_torch), whose `backbone.pth` is a plain state
dict; https://github.com/IrvingMeng/MagFace, whose file wraps the state dict of its distributed training.
"""
