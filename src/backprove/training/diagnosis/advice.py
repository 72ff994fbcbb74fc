"""What may be behind a finding, the likeliest first, and what to try."""

from __future__ import annotations

from dataclasses import dataclass

from backprove.training.diagnosis.findings import Kind


@dataclass(frozen=True, slots=True)
class Advice:
    """What a kind of finding is called, its causes in order, and what to try in order."""

    title: str
    causes: tuple[str, ...] = ()
    tries: tuple[str, ...] = ()


ADVICE: dict[Kind, Advice] = {
    Kind.EXPLODING: Advice(
        "Exploding gradients",
        (
            "Jacobians of norm above 1 multiply over steps or layers",
            "weights initialised at too large a scale",
            "a learning rate that is too high for the steepest places",
            "a division by zero or a logarithm of zero in the loss, or NaN in the data",
        ),
        (
            "clip the gradient's norm (1 is a usual start; look at its median first)",
            "initialise recurrent weights orthogonally, and layers by their width",
            "halve the learning rate, or warm it up",
            "look for the first value that is no number: torch.autograd.set_detect_anomaly",
        ),
    ),
    Kind.RATE_HIGH: Advice(
        "Learning rate too high: the loss diverges",
        (
            "steps are longer than the curvature allows (above 2/λ for the greatest eigenvalue λ)",
            "no warm-up with an adaptive optimiser",
            "inputs or targets of a large scale",
        ),
        (
            "divide the learning rate by 3 to 10, until the first steps go down",
            "warm it up over the first few hundred steps",
            "standardise inputs and targets",
        ),
    ),
    Kind.RATE_LOW: Advice(
        "Learning rate too low, or training too short",
        (
            "a learning rate far below what the loss would bear",
            "too few steps",
            "a schedule that has taken the rate down too early",
        ),
        (
            "multiply the learning rate by 3 to 10 while the first steps still go down",
            "train longer",
            "use momentum or an adaptive optimiser",
        ),
    ),
    Kind.NOTHING: Advice(
        "Nothing is learnt: a plateau at chance",
        (
            "the inputs say nothing of the labels: wrongly paired, constant, or scaled to nothing",
            "the optimiser does not have the network's parameters, or its rate is zero",
            "the gradient is cut: detach, no_grad, an argmax in the way",
            "units that are dead or saturated from the start; weight decay that wins",
        ),
        (
            "overfit a single batch: if that does not work, the fault is in the code",
            "look at one batch of inputs with its labels, as the network gets them",
            "print the gradient norm of each layer and the change of its weights in one step",
        ),
    ),
    Kind.START: Advice(
        "The loss begins above that of guessing",
        (
            "the last layer's weights or the inputs have too large a scale: confident and wrong",
            "labels that are shifted or mixed up against the outputs",
            "a softmax that is applied twice, or a sum where a mean was meant",
        ),
        (
            "initialise the last layer small, and check the first loss against ln C",
            "standardise the inputs",
            "check what the criterion expects: logits or probabilities",
        ),
    ),
    Kind.BELOW: Advice(
        "Accuracy below chance",
        (
            "the validation labels are numbered otherwise than the training labels",
            "predictions are compared with the wrong labels, or shifted by one",
            "the metric's sense is turned round",
        ),
        (
            "print names of classes with their numbers, for both sets",
            "evaluate on the training set with the validation code: it has to agree",
        ),
    ),
    Kind.OVERFITTING: Advice(
        "Overfitting",
        (
            "more parameters and epochs than the data can hold in check",
            "wrong labels, which can only be learnt by heart",
            "training and validation data of different origin",
        ),
        (
            "stop at the marked point, and keep its weights",
            "more data, or augmentation",
            "weight decay, dropout, or a smaller network",
        ),
    ),
    Kind.UNDERFITTING: Advice(
        "Underfitting",
        (
            "the network is too small, or has a bottleneck",
            "regularisation that is too strong",
            "inputs that do not say enough, or noise in the labels: then this is as good as it gets",
            "a learning rate that was taken down too soon",
        ),
        (
            "a wider or deeper network",
            "less dropout and weight decay",
            "better features; compare with what people or simple methods reach",
        ),
    ),
    Kind.TOO_GOOD: Advice(
        "Validation much better than training: leakage or mismatch",
        (
            "the validation data are easier, or of fewer classes, than the training data",
            "validation examples, or near copies, are in the training set",
            "strong dropout, augmentation or label noise in training alone: then this is usual",
        ),
        (
            "look for duplicates between the sets; split by person, place or time",
            "compare the shares of the classes",
            "evaluate the training set without dropout and augmentation: the gap should go",
        ),
    ),
    Kind.SHUFFLED: Advice(
        "Labels without relation to the inputs: learnt by heart",
        (
            "labels shuffled against the inputs: sorted or shuffled apart, joined by the wrong key",
            "validation inputs that are prepared otherwise than training inputs",
            "nothing in the inputs that would carry over to other examples",
        ),
        (
            "look at some training examples with their labels",
            "train on the validation set, and see whether it can be learnt",
        ),
    ),
    Kind.ORDER: Advice(
        "The data come in the same order in each epoch",
        (
            "the loader does not shuffle, and the data are sorted",
            "a sampler with the same seed in each epoch",
            "parts of a data set read one after the other",
        ),
        (
            "shuffle=True, or sampler.set_epoch with distributed training",
            "shuffle within a buffer that is longer than a part",
        ),
    ),
    Kind.ACCUMULATING: Advice(
        "Gradients pile up from step to step",
        (
            "optimizer.zero_grad() is missing, or comes at the wrong place",
            "accumulation over several batches without an end or a division",
        ),
        (
            "call optimizer.zero_grad() before each backward pass",
            "divide the loss by the batches accumulated",
        ),
    ),
    Kind.DEAD: Advice(
        "Dead ReLUs",
        (
            "a step that was too long threw the biases far below zero",
            "biases or inputs that are negative from the start",
        ),
        (
            "a lower learning rate, or warm-up",
            "leaky ReLU, GELU or SiLU",
            "initialise after He et al. (2015), with biases of 0",
        ),
    ),
    Kind.FROZEN: Advice(
        "Layers that do not learn",
        (
            "requires_grad is off, or the layers run under no_grad or detach",
            "the layers take no part in the output",
        ),
        (
            "if it is not meant (as in fine-tuning): turn requires_grad on before the optimiser is made",
            "list named_parameters with whether they have a gradient",
        ),
    ),
    Kind.VANISHING: Advice(
        "Vanishing gradients",
        (
            "saturating activations (sigmoid, tanh) over many layers or steps",
            "weights initialised at too small a scale",
        ),
        (
            "ReLU or GELU, residual connections, normalisation; gates for sequences",
            "initialise by the layers' width (Glorot and Bengio 2010; He et al. 2015)",
        ),
    ),
    Kind.TRAINING_MODE: Advice(
        "Evaluated in training mode",
        (
            "model.eval() is missing: dropout is at work, or batches are normalised by themselves",
            "a small validation set, or another sample of it each time",
            "a learning rate that is so high that the weights jump",
        ),
        (
            "call model.eval() before and model.train() after evaluating",
            "evaluate twice without training: the figures have to be the same",
        ),
    ),
    Kind.MAJORITY: Advice(
        "Always the largest class",
        (
            "imbalanced classes, and too little signal or training to leave the plateau",
            "a learning rate or a regularisation that stops it there",
        ),
        (
            "look at balanced accuracy and at the confusion matrix, not at accuracy",
            "weight the loss by class, or sample classes evenly",
        ),
    ),
    Kind.SIGN: Advice(
        "The loss is ascended: wrong sign",
        (
            "a minus sign in the loss, or a gain that is minimised",
            "a reversed gradient; the wrong parameters for maximize",
        ),
        (
            "check the sign: one step must make the loss of the same batch smaller",
            "check what the criterion expects: nll_loss wants log-probabilities",
        ),
    ),
    Kind.SCHEDULE: Advice("Step of the learning rate"),
    Kind.STOPPING: Advice("Early stopping point"),
    Kind.BETTER: Advice("Validation better than training, as is usual"),
    Kind.TREND: Advice("Trend and noise at the end"),
}
