"""Makes the pictures and films in outputs/gallery again, each with the one command that README shows for it."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# (command line, the file that it writes)
PIECES = [
    ("convviz rf code8 --plot outputs/gallery/rf_code8.png", "outputs/gallery/rf_code8.png"),
    ("convviz rf resnet50 --plot outputs/gallery/rf_resnet50.png", "outputs/gallery/rf_resnet50.png"),
    ("convviz rf wavenet --plot outputs/gallery/rf_wavenet.png", "outputs/gallery/rf_wavenet.png"),
    (
        "convviz draw conv_transpose --stride 2 --padding 1 -o outputs/gallery/draw_transposed.png",
        "outputs/gallery/draw_transposed.png",
    ),
    (
        "convviz draw --relationship 6 --sheet -o outputs/gallery/draw_relationship6.png",
        "outputs/gallery/draw_relationship6.png",
    ),
    ("convviz draw resnet18 -o outputs/gallery/draw_resnet18.png", "outputs/gallery/draw_resnet18.png"),
    ("convviz convs 64 128 --size 56 --plot outputs/gallery/convs.png", "outputs/gallery/convs.png"),
    (
        "convviz checkerboard --kernel-size 3 --stride 2 --plot outputs/gallery/checkerboard.png",
        "outputs/gallery/checkerboard.png",
    ),
    (
        "convviz checkerboard --experiment --plot outputs/gallery/generators.png",
        "outputs/gallery/generators.png",
    ),
    ("convviz gridding 2,3,5 --plot outputs/gallery/gridding.png", "outputs/gallery/gridding.png"),
    (
        "convviz erf patchgan resnet18 --seeds 5 --samples 4 --plot outputs/gallery/erf.png",
        "outputs/gallery/erf.png",
    ),
    ("convviz norm all --preset B --plot outputs/gallery/norms.png", "outputs/gallery/norms.png"),
    (
        "convviz norm batch --preset A --plot outputs/gallery/batch_norm.png",
        "outputs/gallery/batch_norm.png",
    ),
    (
        "convviz norm batch --preset A --mistake pixelwise --plot outputs/gallery/norm_mistake.png",
        "outputs/gallery/norm_mistake.png",
    ),
    (
        "convviz norm all --preset B --output outputs/gallery/norms.xlsx",
        "outputs/gallery/norms.xlsx",
    ),
    ("convviz regularize l1 --plot outputs/gallery/l1.png", "outputs/gallery/l1.png"),
    ("convviz regularize geometry --plot outputs/gallery/geometry.png", "outputs/gallery/geometry.png"),
    (
        "convviz regularize ridge-lasso --plot outputs/gallery/ridge_lasso.png",
        "outputs/gallery/ridge_lasso.png",
    ),
    ("convviz regularize contours --plot outputs/gallery/contours.png", "outputs/gallery/contours.png"),
    (
        "convviz tile unet --tile 572 --size 2204x2972 --plot outputs/gallery/tile.png",
        "outputs/gallery/tile.png",
    ),
]

# Pages of the explorer as they open: (command line without its output, what the link says, the picture).
PAGES = [
    ("convviz explore resnet50 --erf --theme light", "", "outputs/gallery/explore_resnet50.png"),
    (
        "convviz explore conv_transpose --theme light",
        "#at=input:0,1,1",
        "outputs/gallery/explore_conv_transpose.png",
    ),
]
BROWSERS = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")

# All scenes, as films and as small pictures that move; those that have not changed are left as they are.
FILMS = "convviz render all --format mp4 --format webp --width 480 --output outputs/gallery/scenes"


def films() -> None:
    """Render what has changed; raise if one fails."""
    print(f"$ {FILMS}")
    subprocess.run([sys.executable, "-m", "convviz", *shlex.split(FILMS)[1:]], cwd=ROOT, check=True)


def make(command: str, output: str) -> None:
    """Run one command as a reader would, in the clone; raise if it fails or does not write its file."""
    program, *arguments = shlex.split(command)
    assert program == "convviz", command
    start = time.time()
    environment = {**os.environ, "MPLBACKEND": "Agg", "NO_COLOR": "1"}
    subprocess.run(
        [sys.executable, "-m", "convviz", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    file = ROOT / output
    if not file.is_file() or file.stat().st_mtime < start - 1:
        raise FileNotFoundError(f"`{command}` did not write {output}")
    print(f"{time.time() - start:6.1f} s  {file.stat().st_size / 1024:6.0f} KiB  {output}")


def photograph(command: str, link: str, output: str) -> None:
    """Write a page and take its picture, where there is a browser; raise if one fails."""
    browser = next((found for name in BROWSERS if name and (found := shutil.which(name))), None)
    if browser is None:
        print(f"gallery: no Chromium here, so {output} is left as it is", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        print(f"$ {command}")
        subprocess.run(
            [sys.executable, "-m", "convviz", *shlex.split(command)[1:], "-o", str(page)],
            cwd=ROOT,
            check=True,
        )
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1"]
        size = ["--window-size=1440,900", "--virtual-time-budget=3000"]
        subprocess.run(
            [browser, *options, *size, f"--screenshot={ROOT / output}", page.as_uri() + link],
            check=True,
            capture_output=True,
        )


def main() -> int:
    (ROOT / "outputs" / "gallery").mkdir(parents=True, exist_ok=True)
    for command, output in PIECES:
        print(f"$ {command}")
        try:
            make(command, output)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            print(f"gallery: {error}", file=sys.stderr)
            return 1
    try:
        for page in PAGES:
            photograph(*page)
        films()
    except subprocess.CalledProcessError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
