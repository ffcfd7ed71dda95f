"""Every bundled net: it parses, says what it is, and has the published parameters and receptive field."""

import pytest

import convviz
from convviz.ops.base import OPS
from convviz.read import bundled

NETS = """
code1 code2 code3 code4 code5 code6 code7 code8 code9 code10 s6_bn s6_ln s6_gn s7 s4 tiny fast tiny_fast
cifar_s7_wide cifar_s7_small lenet5 alexnet vgg16 resnet18 resnet34 resnet50 resnet101 resnet152 inception_v3
mobilenet_v1 mobilenet_v2 densenet121 unet dcgan patchgan espcn wavenet
""".split()  # noqa: SIM905
OUTPUTS = {
    "unet": (2, 388, 388),
    "patchgan": (1, 30, 30),
    "dcgan": (3, 64, 64),
    "wavenet": (256, 2048),
    **dict.fromkeys(
        (n for n in NETS if n.startswith(("code", "s", "tiny", "fast", "cifar", "lenet"))), (10,)
    ),
    **dict.fromkeys(
        (n for n in NETS if n.startswith(("resnet", "vgg", "alex", "inc", "mob", "dense"))), (1000,)
    ),
}
PARAMS = {  # published, or counted in torch: independent of what the files expect of themselves
    "code1": 6_379_786, "code2": 194_884, "code3": 10_790, "code4": 10_970, "code5": 10_970, "code6": 6_070,
    "code7": 11_994, "code8": 13_808, "code9": 13_808, "code10": 13_808, "s6_bn": 4_700, "s7": 7_718,
    "s4": 12_670, "tiny": 3_762, "fast": 16_986, "tiny_fast": 3_858, "cifar_s7_wide": 674_340,
    "cifar_s7_small": 99_744, "lenet5": 61_706,
    "alexnet": 61_100_840, "vgg16": 138_357_544, "resnet18": 11_689_512, "resnet34": 21_797_672,
    "resnet50": 25_557_032, "resnet101": 44_549_160, "resnet152": 60_192_808, "inception_v3": 23_834_568,
    "mobilenet_v2": 3_504_872, "densenet121": 7_978_856, "unet": 31_030_658,
}  # fmt: skip
RF = {name for name in NETS if "rf" in bundled.describe(name).get("expect", {})}


def test_the_bundled_nets_are_these():
    assert sorted(bundled.names()) == sorted(NETS)


@pytest.mark.parametrize("name", NETS)
def test_it_says_what_it_is(name):
    about = bundled.describe(name)
    assert about["name"] == name
    assert all(isinstance(about[key], str) and about[key] for key in ("variant", "source"))
    assert convviz.read(name).meta["variant"] == about["variant"]


@pytest.mark.parametrize("name", NETS)
def test_parameters_and_output(name):
    graph = convviz.read(name)
    expect = graph.meta.get("expect", {})
    assert expect.keys() <= {"params", "rf", "rf_layer"}
    if "params" in expect:
        assert graph.params == expect["params"]
    if name in PARAMS:
        assert graph.params == PARAMS[name]
    if name in OUTPUTS:
        assert graph.nodes[-1].out == OUTPUTS[name]
    assert all(node.op.kind in OPS for node in graph)


def test_espcn_enlarges_three_times():
    graph = convviz.read("espcn")
    (_, *small), (_, *large) = graph.inputs["input"], graph.nodes[-1].out
    assert large == [3 * n for n in small]


@pytest.mark.parametrize("name", sorted(RF))
def test_receptive_field(name):
    graph = convviz.read(name)
    expect = graph.meta["expect"]
    layer = expect.get("rf_layer", graph.nodes[-1].name)
    assert convviz.receptive_field(graph)[layer].size == tuple(expect["rf"])


def test_known_receptive_fields_are_expected():
    """The best-known ones stand in the files."""
    rf = {name: bundled.describe(name)["expect"]["rf"] for name in RF}
    assert rf["patchgan"] == [70, 70] and rf["code8"] == [32, 32] and rf["wavenet"] == [1024]
    assert rf["resnet18"] == [435, 435] and rf["inception_v3"] == [1311, 1311]
