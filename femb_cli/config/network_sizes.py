"""The sizes of the backbones as their configurations have them by default, so that listing them builds no network.

Counting the operations of all of them takes half a minute; a test compares the numbers with those that are counted.
"""

from typing import NamedTuple


class NetworkSize(NamedTuple):
    """The size of a network.

    Attributes:
        parameters: number of its weights.
        operations: additions and multiplications with which it embeds one image.
        input_size: height and width of the image in pixels.
    """

    parameters: int
    operations: int
    input_size: int


NETWORK_SIZES = {
    "iresnet18": NetworkSize(24_025_600, 5_219_909_632, 112),
    "iresnet34": NetworkSize(34_139_328, 8_919_285_760, 112),
    "iresnet50": NetworkSize(43_590_848, 12_618_661_888, 112),
    "iresnet100": NetworkSize(65_156_160, 24_179_212_288, 112),
    "iresnet152": NetworkSize(70_765_760, 24_641_634_304, 112),
    "iresnet200": NetworkSize(118_833_920, 46_837_891_072, 112),
    "ir18": NetworkSize(24_021_376, 5_194_219_520, 112),
    "ir34": NetworkSize(34_135_104, 8_893_595_648, 112),
    "ir50": NetworkSize(43_586_624, 12_592_971_776, 112),
    "ir101": NetworkSize(65_151_936, 24_153_522_176, 112),
    "irse18": NetworkSize(24_108_416, 5_194_393_600, 112),
    "irse34": NetworkSize(34_292_288, 8_893_910_016, 112),
    "irse50": NetworkSize(43_809_344, 12_593_417_216, 112),
    "irse101": NetworkSize(65_524_160, 24_154_266_624, 112),
    "irse152": NetworkSize(71_172_672, 24_616_766_464, 112),
    "mobilefacenet": NetworkSize(1_197_696, 468_014_080, 112),
    "mbf_small": NetworkSize(1_200_512, 442_323_968, 112),
    "mbf": NetworkSize(2_059_520, 875_041_792, 112),
    "mbf_large": NetworkSize(6_314_880, 3_632_965_632, 112),
    "vit_t": NetworkSize(19_137_792, 3_009_765_376, 112),
    "vit_s": NetworkSize(76_023_296, 11_493_097_472, 112),
    "vit_b": NetworkSize(113_833_472, 22_874_341_376, 112),
    "vit_l": NetworkSize(255_684_352, 50_675_589_120, 112),
    "vit_h": NetworkSize(756_393_984, 178_397_741_056, 112),
    "vit_s_p8": NetworkSize(95_952_896, 18_349_686_784, 112),
    "vit_b_p8": NetworkSize(114_870_272, 26_692_550_656, 112),
}
