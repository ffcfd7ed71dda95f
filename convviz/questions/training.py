"""Questions about the loss, the learning rate and its schedule, and the batch."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb, sqrt

import numpy as np

from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import apply, brief, cells, evidence
from convviz.read import read


@ask(
    "log-softmax",
    "training",
    "What is the log of softmax? Is it the negative log likelihood?",
    "log softmax(x) = x - log(sum exp(x)): the logarithm of a probability for every class. The negative "
    "log likelihood (NLLLoss) only picks the entry of the right class and changes its sign. Softmax is a "
    "distribution, though perhaps a badly calibrated one.",
    commands=("softmax 1,2,3", "draw log_softmax"),
    picture="draw softmax",
)
def log_softmax() -> list[Evidence]:
    x = np.array([[1.0, 2, 3]])
    p, logs = apply("softmax", x)[0], apply("log_softmax", x)[0]
    rows = [(c, x[0, c], p[c], logs[c], -logs[c]) for c in range(3)]
    with np.errstate(all="ignore"):
        large = x + 1000
        naive = np.exp(large) / np.exp(large).sum()
    scaled = []
    for factor in (0.5, 1, 3):
        q = apply("softmax", factor * x)[0]
        scaled.append((factor, cells(q), q.sum(), int(q.argmax()), -float(np.log(q[0]))))
    return [
        evidence(
            "worked",
            "logits 1, 2, 3",
            ("class", "logit", "softmax", "log softmax", "loss if it is the right class"),
            rows,
            "log softmax is three numbers; the loss is one of them with its sign changed, by the label: "
            f"{cells(-logs)}. For 1001, 1002, 1003 plain exponentials give {cells(naive)}, with the largest "
            f"taken away first the result is as above ({cells(apply('softmax', large)[0])}).",
        ),
        evidence(
            "calibration",
            "the same logits times a factor",
            ("factor", "softmax", "sum", "winner", "loss if class 0 is right"),
            scaled,
            "The sum is always 1 and the winner the same, but how sure it looks is a matter of scale: "
            "accuracy does not tell whether the probabilities are right.",
        ),
    ]


@ask(
    "feature-scales",
    "training",
    "What do the scales of features do to the error surface?",
    "Features of different scale give long ellipses for contours, on which gradient descent zigzags. It is "
    "the scale of the inputs and the conditioning of the Hessian, not the scale of the weights. "
    "Standardizing cures scale, not correlation.",
    commands=("regularize contours", "norm standardize --preset A"),
    picture="regularize contours --plot contours.png",
)
def feature_scales() -> list[Evidence]:
    from convviz.analysis.regularizers.contours import Surface, descent

    rows = []
    for name, sds, correlation in (
        ("same scale", (1.0, 1.0), 0.0),
        ("sd 1 and 3", (1.0, 3.0), 0.0),
        ("sd 1 and 10", (1.0, 10.0), 0.0),
        ("sd 1 and 10, standardized", (1.0, 1.0), 0.0),
        ("standardized, correlation .9", (1.0, 1.0), 0.9),
    ):
        surface = Surface(name, sds, correlation)
        steps = descent(surface, surface.best, (3.0, 1.0), 1e-3).steps
        values = cells(np.array(surface.eigenvalues))
        rows.append((name, values, surface.condition, sqrt(surface.condition), surface.best, steps))
    return [
        evidence(
            "ellipses",
            "squared error with two features of mean 0; gradient descent at its best learning rate",
            (
                "features",
                "eigenvalues",
                "condition number",
                "long : short axis",
                "best lr",
                "steps to 1/1000",
            ),
            rows,
            f"A feature ten times as wide makes the ellipse {brief(rows[2][3])} times as long as wide and "
            f"takes {rows[2][5]:,} steps in place of {rows[0][5]}. With correlation .9 the condition number "
            f"is {brief(rows[4][2])} even after standardizing.",
        )
    ]


@ask(
    "learning-rate",
    "training",
    "How large may the learning rate be?",
    "Below 2 divided by the largest curvature, or the error grows. Far below, the flat directions take for "
    "ever. So the best rate is a matter of the steepest and the flattest direction together.",
    commands=("regularize contours",),
    experiments=("step-lr",),
)
def learning_rate() -> list[Evidence]:
    curvatures = np.array([1.0, 10.0])
    rows = []
    for rate in (0.01, 0.1, 2 / 11, 0.199, 0.2, 0.21):
        w = (1 - rate * curvatures) ** 50
        rows.append(
            (
                rate,
                *(1 - rate * curvatures),
                *w,
                "grows"
                if abs(1 - rate * 10) > 1 + 1e-12
                else "stays"
                if abs(abs(1 - rate * 10) - 1) < 1e-12
                else "falls",
            )
        )
    return [
        evidence(
            "rates",
            "a quadratic with curvatures 1 and 10 from (1, 1): 50 steps",
            ("lr", "factor, flat", "factor, steep", "flat after 50", "steep after 50", "error"),
            rows,
            f"The limit is 2/10 = .2: at .21 the steep direction is at {brief(rows[5][4])} after 50 steps. "
            f"At .01 the flat one still is at {brief(rows[0][3])}.",
        )
    ]


def step_lr(lr: float, step: int, gamma: float, epochs: int) -> list[float]:
    """The learning rate of every epoch, as torch.optim.lr_scheduler.StepLR has it, stepped once an epoch."""
    return [lr * gamma ** (epoch // step) for epoch in range(epochs)]


@ask(
    "step-lr",
    "training",
    "Is MNIST too small for StepLR?",
    "It is not a matter of the data set's size. A schedule helps if the rate is high while there is far to "
    "go and low while noise is what is left; steps that come too early stop the training. Look at how much "
    "of the sum of all rates lies ahead.",
    commands=("rf s7", "rf code10"),
    experiments=("step-lr",),
)
def step_lr_question() -> list[Evidence]:
    plans = (
        ("lr .001, step 3, gamma .379", 0.001, 3, 0.379, 25),
        ("lr .07, step 3, gamma .379", 0.07, 3, 0.379, 25),
        ("lr .01, step 6, gamma .1", 0.01, 6, 0.1, 20),
        ("lr .01, constant", 0.01, 20, 1.0, 20),
    )
    rows = []
    for name, *settings in plans:
        rates = step_lr(*settings)  # type: ignore[arg-type]
        first = 100 * sum(rates[:6]) / sum(rates)
        rows.append((name, len(rates), rates[-1], sum(rates), first, sum(rates) / rates[0]))
    every = step_lr(*plans[0][1:])
    table = [(e + 1, every[e], 100 * sum(every[: e + 1]) / sum(every)) for e in (0, 2, 3, 6, 9, 12, 24)]
    return [
        evidence(
            "schedules",
            "learning rates over a run; share of their sum in the first 6 epochs",
            (
                "schedule",
                "epochs",
                "last rate",
                "sum of rates",
                "in 6 epochs, %",
                "sum / first rate",
            ),
            rows,
            f"25 epochs of the first schedule have the sum of rates of {brief(rows[0][5])} epochs at a "
            f"constant .001, and of {brief(rows[0][3] / rows[3][2])} epochs at the constant .01 of the last "
            f"one. With .07 as the first rate it is {brief(rows[1][3] / rows[3][2])}. The size of the data "
            "set appears nowhere: a step is early or late by what is left to learn.",
        ),
        evidence(
            "epochs",
            "lr .001, step 3, gamma .379, epoch by epoch",
            ("epoch", "learning rate", "share of the sum so far, %"),
            table,
            f"The 16 epochs after epoch 9 share {brief(100 - 100 * sum(every[:9]) / sum(every))} % of the "
            "sum of rates.",
        ),
    ]


@ask(
    "lighter-for-longer",
    "training",
    "Does a lighter model reach the goal when it is trained for longer?",
    "It comes nearer, and may still stop short. Longer training closes the gap that is left to "
    "optimization and not the one that is left to capacity. Compare at equal compute as well as at equal "
    "epochs.",
    commands=("compare code2 code3", "rf tiny", "list nets"),
    experiments=("lighter-longer",),
)
def lighter_for_longer() -> list[Evidence]:
    heavy = read("code2")
    rows = []
    for name in ("code2", "code8", "code3", "code6", "tiny"):
        graph = read(name)
        rows.append((name, graph.params, graph.macs, 20 * heavy.macs / graph.macs))
    return [
        evidence(
            "compute",
            "epochs that cost the multiplications of 20 epochs of code2",
            ("net", "parameters", "MACs an image", "epochs at the same compute"),
            rows,
            f"code3 has {brief(heavy.params / rows[2][1])} times fewer parameters than code2 and may train "
            f"for {brief(rows[2][3])} epochs at the price of 20.",
        )
    ]


@ask(
    "batch-below-classes",
    "training",
    "Must the batch be at least as large as the number of classes?",
    "No. A batch's gradient is right on average at any size, also where it has not seen every class; "
    "smaller batches only make it noisier. Batch norm is another matter, and it asks for many values, not "
    "for all classes.",
    commands=("norm batch --preset A",),
    experiments=("batch-below-classes",),
)
def batch_below_classes() -> list[Evidence]:
    gradients = [
        Fraction(g) for g in (7, -3, 4, 0, -6, 2, 9, -1, 5, 3)
    ]  # of one weight, for one image of each class
    truth = sum(gradients) / len(gradients)
    rows = []
    for size in (1, 2, 5, 9, 10):
        means = [sum(batch) / size for batch in combinations(gradients, size)]
        average = sum(means, Fraction(0)) / len(means)
        variance = sum(((m - truth) ** 2 for m in means), Fraction(0)) / len(means)
        assert len(means) == comb(10, size)
        rows.append((size, len(means), float(average), float(average - truth), sqrt(variance)))
    return [
        evidence(
            "unbiased",
            "one image for each of 10 classes, a gradient for each: all batches of a size",
            ("batch", "batches", "mean of their gradients", "off by", "sd of a batch's gradient"),
            rows,
            f"At every size the mean over all batches is {brief(float(truth))}, the gradient of the whole "
            f"set. Only the noise falls, from {brief(rows[0][4])} to {brief(rows[-1][4])}.",
        )
    ]
