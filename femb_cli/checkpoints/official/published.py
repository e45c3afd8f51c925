"""Networks for photographs that other projects publish: what each scores, where its file is, and how femb gets it.

Figures are the projects' own, from their READMEs: accuracy on LFW, and TAR at FAR 1e-4 on IJB-C, in percent. A checksum
is stated only where the file itself was read. femb fetches what lies at a plain address or on the Hugging Face Hub;
files on cloud drives have to be downloaded by hand.
"""

from dataclasses import dataclass
from pathlib import Path

from femb_cli.checkpoints.official.families import FAMILIES
from femb_cli.checkpoints.official.family import Family
from femb_cli.errors import FembError
from femb_cli.evaluation.download import download
from femb_cli.files import cache_folder, file_sha256
from femb_cli.progress import Say


@dataclass(frozen=True)
class PublishedModel:
    """A network that a project publishes.

    Attributes:
        name: what femb calls it.
        family_name: the project, a key of `FAMILIES`.
        network: the backbone under femb's name.
        training_data: the images that it was trained on.
        file: name of the file to download, or of its folder and the file.
        lfw: published accuracy on LFW, in percent; None if none is known.
        ijbc: published TAR at FAR 1e-4 on IJB-C, in percent; None if none is known.
        hub: its repository on the Hugging Face Hub; empty if there is none.
        url: the file's own address; empty if there is none.
        sha256: the file's checksum; empty if it is not known.
        page: the page that leads to the download; empty for the family's repository.
    """

    name: str
    family_name: str
    network: str
    training_data: str
    file: str
    lfw: float | None = None
    ijbc: float | None = None
    hub: str = ""
    url: str = ""
    sha256: str = ""
    page: str = ""

    @property
    def family(self) -> Family:
        """The project."""
        return FAMILIES[self.family_name]

    @property
    def can_be_fetched(self) -> bool:
        """Whether femb can get it by its name."""
        return bool(self.hub or self.url)

    @property
    def address(self) -> str:
        """Where the file, its repository or the page that leads to it is."""
        return self.url or (f"https://huggingface.co/{self.hub}" if self.hub else self.page or self.family.repository)

    @property
    def command(self) -> str:
        """The command that converts it; what femb cannot fetch has to be downloaded first."""
        return f"femb convert-checkpoint {self.name if self.can_be_fetched else self.file} {self.name}"

    def locate(self, say: Say) -> Path | str:
        """Return what `convert_checkpoint` takes: the Hub's repository, or the file in the cache, fetched if need be.

        Args:
            say: called with a line of text before a download.

        Raises:
            FembError: femb cannot fetch it, or the download fails; the message says what to download by hand.
        """
        say(f"{self.name} has the licence: {self.family.license}")
        if self.hub:
            return self.hub
        if not self.url:
            say(f"{self.file}: {self.address} leads to it")
            raise FembError(f"femb cannot fetch {self.name}: its file is on a cloud drive", hint=self.by_hand)
        target = cache_folder() / "models" / self.name / Path(self.file).name
        if not target.is_file() or (self.sha256 and file_sha256(target) != self.sha256):
            say(f"fetching {self.url}")
            try:
                download(self.url, target, sha256=self.sha256 or None)
            except FembError as error:
                raise FembError(error.message, hint=self.by_hand) from error
        return target

    @property
    def by_hand(self) -> str:
        """What to do where femb cannot fetch it."""
        if self.hub:
            return f"download the files of {self.address} into a directory, and convert that one"
        return f"download {self.file}, then: femb convert-checkpoint {self.file} {self.name} --from {self.family_name}"


def is_published(sha256: str, hub_id: str | None) -> bool:
    """Whether a file is one that a project published: it has a known checksum, or comes from a known repository."""
    if hub_id is not None:
        return any(model.hub == hub_id for model in PUBLISHED.values())
    return sha256 in {model.sha256 for model in PUBLISHED.values()}


def find_published(name: str) -> PublishedModel | None:
    """Return the published network of this name; None if there is none, or if a path has this name."""
    return None if Path(name).exists() else PUBLISHED.get(name)


_IRESNETS = {18: "iresnet18", 50: "iresnet50", 101: "iresnet100"}
"""What femb makes of an IR of this depth."""


def _arcface(data: str, margin: str, suffix: str, depth: int, lfw: float, ijbc: float) -> PublishedModel:
    folder = f"{data.lower()}_{margin}_r{depth}_fp16{suffix}"
    return PublishedModel(
        f"{margin}_r{depth}_{data.lower()}",
        *("arcface_torch", f"iresnet{depth}", data, f"{folder}/backbone.pth"),
        lfw=lfw,
        ijbc=ijbc,
    )


def _adaface(depth: int, data: str, file_data: str, lfw: float, ijbc: float | None) -> PublishedModel:
    file = f"adaface_ir{depth}_{file_data}.ckpt"
    return PublishedModel(Path(file).stem, "adaface", _IRESNETS[depth], data, file, lfw, ijbc)


def _cvlface(header: str, depth: int, data: str, lfw: float, ijbc: float) -> PublishedModel:
    name = f"cvlface_{header}_ir{depth}_{data.lower()}"
    return PublishedModel(name, "cvlface", _IRESNETS[depth], data, "model.safetensors", lfw, ijbc, f"minchul/{name}")


def _elasticface(variant: str, lfw: float | None = None) -> PublishedModel:
    return PublishedModel(
        f"elasticface_{variant.lower().replace('+', '_plus')}_r100",
        *("elasticface", "iresnet100", "MS1MV2", f"{variant}/295672backbone.pth"),
        lfw=lfw,
    )


PUBLISHED = {
    model.name: model
    for model in (
        PublishedModel(
            name="mobilefacenet_foamliu",
            family_name="foamliu",
            network="mobilefacenet",
            training_data="MS-Celeb-1M, refined",
            file="mobilefacenet.pt",
            lfw=99.48,
            url="https://raw.githubusercontent.com/foamliu/MobileFaceNet/408e13c0bcd1c10b666f00b07efcc2eab3c5d195"
            "/weights/mobilefacenet.pt",
            sha256="90a00ba1d8b0b688af3deb731ed53dca582e6106805d1bc3cfdef55f570493f4",
        ),
        _cvlface("adaface", 18, "WebFace4M", 99.58, 94.79),
        _cvlface("adaface", 18, "VGG2", 99.53, 92.40),
        _cvlface("adaface", 18, "CASIA", 99.22, 37.10),
        _cvlface("adaface", 50, "WebFace4M", 99.78, 97.01),
        _cvlface("adaface", 50, "MS1MV2", 99.85, 96.20),
        _cvlface("adaface", 50, "CASIA", 99.37, 52.97),
        _cvlface("adaface", 101, "MS1MV2", 99.80, 96.81),
        _cvlface("adaface", 101, "MS1MV3", 99.83, 97.05),
        _cvlface("adaface", 101, "WebFace4M", 99.83, 97.46),
        _cvlface("arcface", 101, "WebFace4M", 99.78, 97.30),
        _cvlface("adaface", 101, "WebFace12M", 99.82, 97.72),
        _arcface("MS1MV3", "arcface", "", 18, 99.77, 94.66),
        _arcface("MS1MV3", "arcface", "", 34, 99.80, 95.90),
        _arcface("MS1MV3", "arcface", "", 50, 99.83, 96.46),
        _arcface("MS1MV3", "arcface", "", 100, 99.85, 96.81),
        _arcface("Glint360K", "cosface", "_0.1", 18, 99.77, 95.33),
        _arcface("Glint360K", "cosface", "_0.1", 34, 99.82, 96.56),
        _arcface("Glint360K", "cosface", "_0.1", 50, 99.83, 96.97),
        _arcface("Glint360K", "cosface", "_0.1", 100, 99.82, 97.32),
        PublishedModel(
            "buffalo_l",
            *("insightface", "iresnet50", "WebFace600K", "w600k_r50.onnx"),
            lfw=99.83,
            ijbc=97.25,
        ),
        PublishedModel(
            "magface_r100", "magface", "iresnet100", "MS1MV2", "magface_epoch_00025.pth", lfw=99.83, ijbc=96.11
        ),
        PublishedModel(
            *("insightface_pytorch_ir_se50", "InsightFace_Pytorch", "irse50", "MS1MV2", "model_ir_se50.pth"), lfw=99.52
        ),
        PublishedModel(
            *("insightface_pytorch_mobilefacenet", "InsightFace_Pytorch", "mbf_small", "MS1MV2"),
            file="model_mobilefacenet.pth",
            lfw=99.18,
        ),
        PublishedModel(
            *("topofr_r100_glint360k", "TopoFR", "iresnet100", "Glint360K", "Glint360K_R100_TopoFR_9760.pt"), ijbc=97.60
        ),
        PublishedModel("magface_r50", "magface", "iresnet50", "MS1MV2", "magface_iresnet50_MS1MV2_ddp_fp32.pth"),
        _elasticface("Arc"),
        _elasticface("Cos"),
        _elasticface("Arc+", 99.82),
        _elasticface("Cos+", 99.80),
        _adaface(18, "CASIA", "casia", 99.13, None),
        _adaface(18, "WebFace4M", "webface4m", 99.53, 94.99),
        _adaface(50, "CASIA", "casia", 99.42, None),
        _adaface(50, "MS1MV2", "ms1mv2", 99.82, 96.27),
        _adaface(101, "MS1MV2", "ms1mv2", 99.82, 96.89),
        _adaface(101, "MS1MV3", "ms1mv3", 99.78, 97.09),
        _adaface(101, "WebFace4M", "webface4m", 99.80, 97.39),
        _adaface(101, "WebFace12M", "webface12m", 99.82, 97.66),
    )
}
"""The networks by name, those that femb can fetch first."""
