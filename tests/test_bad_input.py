"""Bad input gets one clear line: what, where, and what would be right."""

import os
import re
import sys
import time
from pathlib import Path

import pytest

import convviz
from convviz import ConvvizError
from convviz.read import document, model_yaml

HEAD = "input: [1, 28, 28]\nlayers:\n"  # layers[0] is on line 3
CONV = "- conv: {out_channels: 8, kernel_size: 3}\n"


@pytest.fixture
def complaint(tmp_path, monkeypatch):
    """The one line that reading ``text`` as net.yaml gives, within a second or two."""
    monkeypatch.chdir(tmp_path)

    def read(text, input=None):
        Path("net.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        start = time.process_time()
        with pytest.raises(ConvvizError) as caught:
            convviz.read("net.yaml", input)
        assert time.process_time() - start < 4
        assert str(caught.value).isprintable()
        return str(caught.value)

    return read


LAYERS = {
    "unknown op": (
        "- cnov: {out_channels: 8}\n",
        "net.yaml:3: layers[0]: unknown op 'cnov'; did you mean 'conv'?",
    ),
    "unknown field": (
        "- relu\n- conv:\n    out_channels: 8\n    kernel_size: 3\n    strde: 2\n",
        "net.yaml:7: layers[1].conv.strde: unknown field of conv; did you mean 'stride'? (fields: "
        "out_channels, "
        "kernel_size, stride, padding, dilation, groups, bias, padding_mode)",
    ),
    "missing field": (
        "- conv: {out_channels: 8}\n",
        "net.yaml:3: layers[0].conv.kernel_size: conv needs kernel_size",
    ),
    "wrong type": (
        "- conv: {out_channels: 8, kernel_size: three}\n",
        "net.yaml:3: layers[0].conv.kernel_size: must be a whole number >= 1, got 'three'",
    ),
    "true is no number": (
        "- conv: {out_channels: true, kernel_size: 3}\n",
        "net.yaml:3: layers[0].conv.out_channels: must be a whole number >= 1, got True",
    ),
    "negative kernel": (
        "- max_pool: -2\n",
        "net.yaml:3: layers[0].max_pool.kernel_size: must be a whole number >= 1, got -2",
    ),
    "zero kernel": (
        CONV + "- conv: {out_channels: 8, kernel_size: 0}\n",
        "net.yaml:4: layers[1].conv.kernel_size: must be a whole number >= 1, got 0",
    ),
    "list of the wrong length": (
        "- conv: {out_channels: 8, kernel_size: [3, 3, 3]}\n",
        "net.yaml:3: layers[0].conv.kernel_size: must be one value or a list of 2, one for each "
        "spatial axis, "
        "got [3, 3, 3]",
    ),
    "groups": (
        CONV + "- conv: {out_channels: 8, kernel_size: 3, groups: 3}\n",
        "net.yaml:4: layers[1].conv.groups: input channels (=8) must be divisible by groups (=3)",
    ),
    "kernel larger than its input": (
        CONV * 13 + "- conv: {out_channels: 8, kernel_size: 5}\n",
        "net.yaml:16: layers[13].conv: kernel_size 5 is larger than the padded input 2; the input "
        "must be at least "
        "5 here; an input of 31x31 would fit (given 28x28)",
    ),
    "kernel beyond any input": (
        "- conv: {out_channels: 8, kernel_size: 1000000000000}\n",
        "net.yaml:3: layers[0].conv: kernel_size 1000000000000 is larger than the padded input 28; "
        "the input must "
        "be at least 1000000000000 here",
    ),
    "shapes that do not add": (
        CONV + CONV + "- add:\n  from: [conv1, conv2]\n",
        "net.yaml:5: layers[2].add: shapes do not match: 8x26x26 and 8x24x24 (conv1 is 8x26x26, "
        "conv2 is 8x24x24)",
    ),
    "one input to a join": (
        "- add\n",
        "net.yaml:3: layers[0].add: add joins two layers or more; name them, as in from: [a, b]",
    ),
    "two inputs to a conv": (
        "- relu\n- conv: {out_channels: 8, kernel_size: 3}\n  from: [input, relu1]\n",
        "net.yaml:4: layers[1].conv: conv takes 1 input, got 2",
    ),
    "a cycle": (
        CONV + "- add:\n  from: [conv1, conv2]\n" + CONV,
        "net.yaml:5: layers[1].from: a cycle: 'conv2' is a later layer, and a layer reads only what "
        "stands before it",
    ),
    "itself": (
        "- relu:\n  name: me\n  from: me\n",
        "net.yaml:5: layers[0].from: a cycle: 'me' is this layer itself, and a layer reads only what "
        "stands before it",
    ),
    "unknown from": (
        CONV + "- relu:\n  from: conv_1\n",
        "net.yaml:5: layers[1].from: nothing is called 'conv_1'; did you mean 'conv1'?",
    ),
    "from of a wrong type": (
        "- relu:\n  from: 3\n",
        "net.yaml:4: layers[0].from: must be a name or a list of names, got 3",
    ),
    "duplicate name": (
        CONV + "- relu:\n  name: conv1\n",
        "net.yaml:5: layers[1].name: the name 'conv1' is taken; give this layer another",
    ),
    "duplicate default name": (
        "- relu:\n  name: conv1\n" + CONV,
        "net.yaml:5: layers[1]: the name 'conv1' is taken; give this layer another",
    ),
    "called input": (
        "- relu:\n  name: input\n",
        "net.yaml:4: layers[0].name: the name 'input' is taken; give this layer another",
    ),
    "name": (
        "- relu:\n  name: a.b\n",
        "net.yaml:4: layers[0].name: must be letters, digits, _ or -, at most 100 of them, got 'a.b'",
    ),
    "name that is a number": (
        "- relu:\n  name: 3\n",
        "net.yaml:4: layers[0].name: must be letters, digits, _ or -, at most 100 of them, got 3",
    ),
    "name left empty": (
        "- relu:\n  name:\n",
        "net.yaml:4: layers[0].name: must be letters, digits, _ or -, at most 100 of them, got nothing",
    ),
    "from left empty": (
        "- relu:\n  from:\n",
        "net.yaml:4: layers[0].from: must be a name or a list of names, got nothing",
    ),
    "what follows from the input": (
        "- batch_norm: {num_features: 1}\n",
        "net.yaml:3: layers[0].batch_norm.num_features: follows from the input and is not written (fields: "
        "eps, momentum, affine, track_running_stats)",
    ),
    "repeat": ("- relu:\n  repeat: 0\n", "net.yaml:4: layers[0].repeat: must be a whole number >= 1, got 0"),
    "huge repeat": (
        "- relu:\n  repeat: 1000000000\n",
        "net.yaml:4: layers[0].repeat: too large: a net may have 100,000 layers, and this makes at "
        "least 1,000,000,000",
    ),
    "fields beside the op": (
        "- conv:\n  out_channels: 8\n  kernel_size: 3\n",
        "net.yaml:4: layers[0].out_channels: unknown key beside conv; it belongs inside conv: {...} "
        "(keys: name, from, repeat)",
    ),
    "misspelled key beside the op": (
        "- relu:\n  form: input\n",
        "net.yaml:4: layers[0].form: unknown key beside relu; did you mean 'from'? (keys: name, "
        "from, repeat)",
    ),
    "two ops": ("- {relu, tanh}\n", "net.yaml:3: layers[0]: one layer holds one op, got relu and tanh"),
    "no op": ("- name: x\n", "net.yaml:3: layers[0]: a layer needs an op, such as `relu` or `conv: {...}`"),
    "null layer": (
        "- relu\n-\n",
        "net.yaml:4: layers[1]: a layer is an op such as `relu` or `conv: {...}`, got nothing",
    ),
    "number for a layer": (
        "- 3\n",
        "net.yaml:3: layers[0]: a layer is an op such as `relu` or `conv: {...}`, got 3",
    ),
    "scalar for an op without one": (
        "- conv: 8\n",
        "net.yaml:3: layers[0].conv: takes fields by name (fields: out_channels, kernel_size, "
        "stride, padding, "
        "dilation, groups, bias, padding_mode), got 8",
    ),
    "scalar for a named form": (
        "- depthwise_conv: 3\n",
        "net.yaml:3: layers[0].depthwise_conv: takes fields, such as depthwise_conv: {kernel_size: 3}, got 3",
    ),
    "linear on a map": (
        CONV + "- linear: 10\n",
        "net.yaml:4: layers[1].linear: linear reads a vector, and a map of 8x26x26 reaches it: flatten first",
    ),
    "conv on a vector": (
        "- flatten\n" + CONV,
        "net.yaml:4: layers[1].conv: needs a map with spatial axes, and a vector of 784 reaches it",
    ),
    "parameter outside a block": (
        "- dropout: $drop\n",
        "net.yaml:3: layers[0].dropout: unknown parameter '$drop' (parameters here: none)",
    ),
    "axes without end": (
        "- upsample: 1000000000000000000000\n" * 9,
        "net.yaml:7: layers[4].upsample: its output has more than 16 axes, or one of more than 10**100 cells",
    ),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers(complaint, case):
    text, expected = LAYERS[case]
    assert complaint(HEAD + text) == expected


def blocks(text, layers="[u]"):
    return f"input: [1, 28, 28]\nlayers: {layers}\nblocks:\n{text}"


# Its conv is on line 7.
UNIT = "  u:\n    with: {channels: 8}\n    layers:\n      - conv: {out_channels: $channels, kernel_size: 3}\n"
BLOCKS = {
    "recursion": (
        blocks("  u: {layers: [relu, v]}\n  v: {layers: [u]}\n"),
        "net.yaml:5: blocks.v.layers[0]: a block cannot contain itself: u -> v -> u",
    ),
    "too deep": (
        blocks(
            "  u: {layers: [relu]}\n"
            + "".join(f"  b{i}: {{layers: [b{i + 1}]}}\n" for i in range(2000))
            + "  b2000: {layers: [relu]}\n"
        ),
        "net.yaml:44: blocks.b39.layers[0]: blocks within blocks, more than 40 deep",
    ),
    "called like an op": (
        blocks("  conv: {layers: [relu]}\n"),
        "net.yaml:4: blocks.conv: a block must not be called like an op",
    ),
    "unknown parameter in it": (
        blocks(UNIT.replace("$channels", "$chanels")),
        "net.yaml:7: blocks.u.layers[0].conv.out_channels: unknown parameter '$chanels'; did you "
        "mean 'channels'? "
        "(parameters here: channels) (in u1)",
    ),
    "unknown argument": (
        blocks(UNIT, "[u: {channel: 3}]"),
        "net.yaml:2: layers[0].u.channel: unknown parameter of u; did you mean 'channels'? "
        "(parameters: channels)",
    ),
    "missing argument": (
        blocks(UNIT.replace("8", "")),
        "net.yaml:2: layers[0].u: u needs channels, which has no default",
    ),
    "bad argument": (
        blocks(UNIT, "[relu, u: -3]"),
        "net.yaml:7: blocks.u.layers[0].conv.out_channels: must be a whole number >= 1, got -3 (in u1)",
    ),
    "scalar for two parameters": (
        blocks("  u: {with: {a: 1, b: 2}, layers: [relu]}", "[u: 3]"),
        "net.yaml:2: layers[0].u: this block takes parameters by name (parameters: a, b), got 3",
    ),
    "sees only itself": (
        blocks("  u: {layers: [tanh, relu: {}]}\n".replace("relu: {}", "{relu, from: tanh2}"), "[tanh, u]"),
        "net.yaml:4: blocks.u.layers[1].from: nothing is called 'tanh2'; did you mean 'tanh1'?; a "
        "block sees its "
        "own layers and `input` (in u1)",
    ),
    "does not fit in the second copy": (
        blocks("  u: {layers: [conv: {out_channels: 8, kernel_size: 15}]}\n", "[{u, repeat: 3}]"),
        "net.yaml:4: blocks.u.layers[0].conv: kernel_size 15 is larger than the padded input 14; the "
        "input must be "
        "at least 15 here (in u2); an input of 43x43 would fit (given 28x28)",
    ),
    "no layers in it": (
        blocks("  u: {layers: []}\n"),
        "net.yaml:4: blocks.u.layers: no layers: a net needs at least one",
    ),
    "not a block": (
        blocks("  u: [relu]\n"),
        "net.yaml:4: blocks.u: a block is a mapping with `layers` (and `with`), got ['relu']",
    ),
    "unknown key in it": (
        blocks("  u: {layer: 1, layers: [relu]}\n"),
        "net.yaml:4: blocks.u.layer: unknown key; did you mean 'layers'? (keys: with, layers)",
    ),
    "doubling forty times": (
        blocks(
            "".join(f"  b{i}: {{layers: [b{i + 1}, b{i + 1}]}}\n" for i in range(38))
            + "  b38: {layers: [relu]}\n",
            "[b0]",
        ),
        "net.yaml:2: layers[0]: too large: a net may have 100,000 layers, and this makes at least "
        "274,877,906,944",
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_blocks(complaint, case):
    text, expected = BLOCKS[case]
    assert complaint(text) == expected


BOMB = "x: &a0 [z, z, z, z, z, z, z, z, z]\n" + "".join(
    f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)
DOCUMENTS = {
    "empty": ("", "net.yaml: the file is empty: a model needs `input` and `layers`"),
    "comments only": ("# nothing\n", "net.yaml: the file is empty: a model needs `input` and `layers`"),
    "text": ("hello", "net.yaml:1: must be a mapping with `input` and `layers`, got 'hello'"),
    "no layers key": ("input: [1, 28, 28]\n", "net.yaml: no layers: a model needs a list `layers`"),
    "no layers": (
        "input: [1, 28, 28]\nlayers: []\n",
        "net.yaml:2: layers: no layers: a net needs at least one",
    ),
    "null layers": (
        "input: [1, 28, 28]\nlayers:\n",
        "net.yaml:2: layers: must be a list of layers, each behind a `-`, got nothing",
    ),
    "no input": ("layers: [relu]\n", "net.yaml: no `input`: write its shape, such as `input: [1, 28, 28]`"),
    "unknown key": (
        "inputs: [1, 28, 28]\nlayers: [relu]\n",
        "net.yaml:1: inputs: unknown key; did you mean 'input'? (keys: name, input, blocks, layers, variant, "
        "source, year, expect)",
    ),
    "zero in the input": (
        "input: [1, 0]\nlayers: [relu]\n",
        "net.yaml:1: input: sizes must be whole numbers >= 1 (channels first, no batch axis, such as "
        "[1, 28, 28]), "
        "got 0",
    ),
    "input with a batch axis": (
        "input: [1, 3, 8, 8, 8]\nlayers: [relu]\n",
        "net.yaml:1: input: at most three spatial axes (channels first, no batch axis, such as [1, "
        "28, 28]), got 4",
    ),
    "one of several inputs": (
        "input:\n  image: [1, 8]\n  mask: 8\nlayers: [relu]\n",
        "net.yaml:3: input.mask: must be a list of sizes (channels first, no batch axis, such as [1, "
        "28, 28]), got 8",
    ),
    "not YAML": ("layers: [relu\nname: x\n", "net.yaml:2:5: not YAML: did not find expected ',' or ']'"),
    "a tab": ("layers:\n\t- relu\n", "net.yaml:2:1: not YAML: found character that cannot start any token"),
    "a control character": ("layers: \x07", "net.yaml:1: not YAML: control characters are not allowed"),
    "duplicate key": (
        HEAD + "- relu\nname: a\nname: b\n",
        "net.yaml:5:1: duplicate key 'name': it stands on line 4 too",
    ),
    "duplicate field": (
        HEAD + "- conv: {kernel_size: 3, kernel_size: 5}\n",
        "net.yaml:3:26: duplicate key 'kernel_size': it stands on line 3 too",
    ),
    "two documents": (
        "name: a\n---\nname: b\n",
        "net.yaml:2:1: a second document begins here; a model file holds one",
    ),
    "binary": (
        b"\x89PNG\r\n\x1a\n\0\0",
        "net.yaml: not a text file: byte 0x89 at 0 (a model is YAML in UTF-8)",
    ),
    "zeros": (b"name: a\0b", "net.yaml: not a text file: byte 0x00 at 7 (a model is YAML in UTF-8)"),
    "latin-1": (b"name: caf\xe9\n", "net.yaml: not a text file: byte 0xe9 at 9 (a model is YAML in UTF-8)"),
    "python tag": (
        HEAD + "- !!python/object/apply:os.system [touch hacked]\n",
        "net.yaml:3:3: the tag '!!python/object/apply:os.system' is refused: a model is plain data "
        "and has no tags",
    ),
    "own tag": (
        "name: !x y\n",
        "net.yaml:1:7: the tag '!x' is refused: a model is plain data and has no tags",
    ),
    "alias bomb": (BOMB, "net.yaml:7:15: more than 1,000,000 values, aliases written out"),
    "alias within itself": (
        "layers: &a [relu, *a]\n",
        "net.yaml:1:19: *a stands inside what it stands for",
    ),
    "unknown alias": ("layers: *a\n", "net.yaml:1:9: unknown alias *a"),
    "deep nesting": ("[" * 100_000, "net.yaml:1:51: nested deeper than 50 levels"),
    "deep nesting of blocks": ("- " * 100_000, "net.yaml:1:101: nested deeper than 50 levels"),
    "list for a key": ("{[1, 2]: 3}", "net.yaml:1:2: a key must be a name, not a list or a mapping"),
    "endless number": (
        f"input: [1, {'9' * 5000}]\n",
        "net.yaml:1:12: a number of more than 30 digits",
    ),
    "too many layers": (
        "input: [1, 28]\nlayers: [" + "relu, " * 100_001 + "]\n",
        "net.yaml:2: layers: too large: a net may have 100,000 layers, and this has 100,001",
    ),
    "expect": (
        "expect: 3\nlayers: [relu]\n",
        "net.yaml:1: expect: must be a mapping such as {params: 13808}, got 3",
    ),
    "name": ("name: 8\nlayers: [relu]\n", "net.yaml:1: name: must be a text of printable characters, got 8"),
    "name in two lines": (
        'name: "a\\nb"\nlayers: [relu]\n',
        "net.yaml:1: name: must be a text of printable characters, got 'a\\nb'",
    ),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents(complaint, case):
    text, expected = DOCUMENTS[case]
    assert complaint(text) == expected
    assert os.listdir() == ["net.yaml"]


@pytest.mark.parametrize(
    ("net", "given", "expected"),
    [
        ("unet", "1x570x570", "an input of 572x572 would fit (given 570x570)"),
        ("unet", "1x500x600", "an input of 508x604 would fit (given 500x600)"),
        ("unet", "1x30x30", "an input of 188x188 would fit (given 30x30)"),
        ("unet", "1x570", "an input of 572 would fit (given 570)"),
        ("vgg16", "3x16x16", "an input of 32x32 would fit (given 16x16)"),
        ("code8", "1x14x14", "an input of 28x28 would fit (given 14x14)"),
    ],
)
def test_the_nearest_input_that_fits_is_told_and_fits(net, given, expected):
    with pytest.raises(ConvvizError) as caught:
        convviz.read(net, given)
    assert str(caught.value).endswith(f"; {expected}")
    assert str(caught.value).startswith(f"{net}.yaml:")
    size = re.search(r"input of ([\dx]+)", expected)[1]
    channels = given.split("x")[0]
    assert len(convviz.read(net, f"{channels}x{size}")) > 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "cod8",
            "'cod8': neither a file nor a bundled net; did you mean 'code8'? (a source is a path to "
            "a model.yaml, a bundled net (`convviz list nets`), or module:callable)",
        ),
        ("", "'': neither a file nor a bundled net (a source is a path"),
        ("x" * 5000, "neither a file nor a bundled net (a source is a path"),
        ("a\0b", "neither a file nor a bundled net (a source is a path"),
        ("nets/code8.yml", "'nets/code8.yml': no such file; did you mean 'code8'?"),
        ("ent.yaml", "'ent.yaml': no such file; did you mean 'net.yaml'?"),
        (".", ".: a directory; a model is a file"),
        ("net.py", "net.py: Python code; say which callable makes the net: net.py:NAME"),
        ("pkg:Net(3", "'pkg:Net(3': module:callable whose arguments do not end with a closing bracket"),
        ("net.pt", "net.pt: weights, not a net; give the net, and this file with --weights"),
        ("net.onnx", "net.onnx: ONNX cannot be read; give the torch module as module:callable"),
        (3, "cannot read 3; a source is a path to a model.yaml"),
    ],
)
def test_sources(tmp_path, monkeypatch, source, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("net.yaml", "net.py", "net.pt", "net.onnx"):
        Path(name).write_text("layers: [relu]\n")
    with pytest.raises(ConvvizError, match=re.escape(expected)):
        convviz.read(source)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1x0x3", "input: sizes must be whole numbers >= 1"),
        ("1x-3", "input: must be sizes such as 1x28x28 (channels first), got '1x-3'"),
        ("large", "input: must be sizes such as 1x28x28 (channels first), got 'large'"),
        ("1x2x3x4x5", "input: at most three spatial axes"),
        ((1, "a"), "input: sizes must be whole numbers >= 1"),
        ({"image": "1x8x8"}, "code8.yaml: no input 'image' (inputs: input)"),
        ({}, "input: must name at least one input"),
        (5, "input: must be a list of sizes"),
    ],
)
def test_inputs(value, expected):
    with pytest.raises(ConvvizError, match=re.escape(expected)):
        convviz.read("code8", value)


def test_one_shape_for_several_inputs(complaint):
    text = "input: {image: [3, 8, 8], mask: [1, 8, 8]}\nlayers: [{add, from: [image, mask]}]\n"
    assert complaint(text, "3x9x9") == (
        "net.yaml: has several inputs (image, mask): say which one the shape is for"
    )
    assert complaint(text, {"mash": "1x8x8"}) == (
        "net.yaml: no input 'mash'; did you mean 'mask'? (inputs: image, mask)"
    )


@pytest.mark.parametrize("option", [{"weights": "net.pt"}, {"treat": {"Block": "pointwise"}}])
def test_options_of_torch_sources(option):
    with pytest.raises(ConvvizError, match=r"only a torch source \(module:callable\) takes it"):
        convviz.read("code8", **option)


def test_torch_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ConvvizError, match=re.escape("'pkg.mod:Net(3)': needs torch: pip install 'convviz[torch]'")
    ):
        convviz.read("pkg.mod:Net(3)")


def test_a_file_of_100_mb_is_not_read(tmp_path):
    large = tmp_path / "net.yaml"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    start = time.process_time()
    with pytest.raises(
        ConvvizError, match=r"100.0 MB is larger than 10 MB, which is the limit of a model file"
    ):
        convviz.read(large)
    assert time.process_time() - start < 0.2


def test_a_pipe_has_the_same_limit(monkeypatch):
    if not os.path.exists("/dev/zero"):
        pytest.skip("no /dev/zero")
    with pytest.raises(
        ConvvizError, match=r"^/dev/zero: larger than 10 MB, which is the limit of a model file$"
    ):
        convviz.read("/dev/zero")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "net.yaml"
    path.write_text("layers: [relu]")

    def refuse(self, *args):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(ConvvizError, match=r"net.yaml: cannot be read: Permission denied$"):
        convviz.read(path)


def test_a_wide_file_is_refused_without_reading_on(monkeypatch):
    monkeypatch.setattr(document, "MAX_VALUES", 50_000)
    start = time.process_time()
    with pytest.raises(
        ConvvizError, match=r"^wide.yaml:1:150000: more than 50,000 values, aliases written out$"
    ):
        document.load("[" + "[]," * 3_000_000, "wide.yaml")
    assert time.process_time() - start < 1


def test_many_connections_are_refused():
    text = "input: [1, 8]\nlayers: [relu, {add, repeat: 2000, from: [" + "relu1, " * 1000 + "]}]"
    net = model_yaml.parse(text, "net.yaml", "net")
    with pytest.raises(
        ConvvizError, match=r"layers\[1\].from: too large: a net may have 1,000,000 connections"
    ):
        model_yaml.assemble(net, net.inputs)
