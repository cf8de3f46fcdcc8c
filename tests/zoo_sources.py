"""Where mistakes of the zoo's kinds are to be seen in public: a repository, and its issue, its pull
request, or a file of it at one commit. Each was read there.

Several are of other programs than a VAE, some were made knowingly. Bugs that are not here were looked
for in public, and not found.
"""

LOGISTIC = "blob/c3670234af870d5c994f8a9089f9508a84442e95/utils/distributions.py"
NEUROVERSE = "blob/4cb1d95efe0a02271a348803567ccb905bfd227e/vae_generative_model.py"

SOURCES = {
    "The variance in place of the standard deviation": ("rachtsingh/ibp_vae", "issues/3"),
    "mu + eps * logvar": ("twairball/keras_lstm_vae", "issues/4"),
    "Noise drawn again in the backward pass": (
        "kwj2104/Simple-Variational-Autoencoder",
        "blob/1abdbfeee51ecf74ebd6c58d225fab1e012cd3f0/vae.py"),
    "Uniform noise": ("dferendo/RecommendationSystem", "issues/3"),
    "One noise for the whole batch": ("0xangelo/raylab", "issues/3"),
    "The KL without its -1": ("ericjang/draw", "issues/2"),
    "The KL the wrong way round": ("kumar-shridhar/PyTorch-BayesianCNN", "issues/73"),
    "The KL averaged over the latent dimensions": ("mkusner/grammarVAE", "issues/2"),
    "A loss summed over the batch": ("SeldonIO/alibi-detect", "issues/90"),
    "The sample axis taken for the batch axis": ("breze-no-salt/breze", "pull/85"),
    "beta accepted and ignored": ("AlexanderVNikitin/tsgm", "issues/69"),
    "The squared error averaged over pixels, the KL summed": ("zdebruine/MMVAE", "pull/19"),
    "The variance head with the derivative of another formula": ("y0ast/VAE-Torch", "pull/5"),
    "The sigmoid differentiated twice": ("udacity/deep-learning", "pull/284"),
    "Probabilities clipped before the logarithm": ("breze-no-salt/breze", "pull/84"),
    "log(1 + exp(x)) as it is written": ("rushter/MLAlgorithms", "pull/30"),
    "Logits shown as if they were probabilities": ("FluxML/model-zoo", "pull/289"),
    "A sampler that draws the complement": ("probcomp/cgpm", "issues/40"),
    "An activation's derivative at its output": ("benoitfragit/libBrain", "issues/78"),
    "The gradient of the bias averaged over the rows": ("Ziforge/Neuroverse", NEUROVERSE),
    "Gradients overwritten, not added": ("karpathy/nn-zero-to-hero", "issues/52"),
    "Parameters updated before all gradients exist": ("Ziforge/Neuroverse", NEUROVERSE),
    "An activation written over its input": ("linkedin/Liger-Kernel", "issues/272"),
    "The decoder's delta used for the encoder": (
        "oakleafwarrior/numpy_VAE",
        "blob/79515bc99427085a1ac5da084748300842f59284/src/model.py"),
    "The target ignored": ("pkmital/tensorflow_tutorials", "issues/21"),
    "Adam without bias correction": ("ml-explore/mlx", "pull/1640"),
    "Adam's epsilon under the root": (
        "danielkurniadi/Numpy-Variational-Autoencoder",
        "blob/3bd405c0c965641e848ed001cfd0190ce2bd8c3e/vae/utils/optimiser.py"),
    "The mean of batch means": ("dnouri/nolearn", "issues/247"),
    "The same binarization in every epoch": ("torch-points3d/torch-points3d", "pull/247"),
    "Resumed without the optimizer's count of steps": ("TrenTorch/TrenTorch", "pull/187"),
    "The softmax of the losses": (
        "AntixK/PyTorch-VAE",
        "blob/f71e454440c3761b822b23ef88a5c4599bad88fc/models/iwae.py"),
    "The score dropped inside the importance weighted bound": (
        "geoffroeder/iwae",
        "blob/318d2fed9009c13a37f75299732441c7125eb936/iwae.py"),
    "A Bernoulli of grey pixels taken for a density": ("pytorch/examples", "pull/683"),
    "lambda clipped to [0.0001, 0.9999]": (
        "cunningham-lab/cb_and_cc",
        "blob/671be122d5068ced1eea09c53cedbfb539db4c17/cb_vae_mnist.ipynb"),
    "No open end bins": ("jmtomczak/vae_vampprior", LOGISTIC),
    "An eps inside the logarithm of a difference": ("jmtomczak/vae_vampprior", LOGISTIC),
    "The difference of two sigmoids as it is written": ("jmtomczak/vae_vampprior", LOGISTIC),
    "An eps inside the logarithms of the counts": (
        "scverse/scvi-tools",
        "blob/17c34a9bac654524d19a0986e8bd39f9c0880b4e/src/scvi/distributions/_negative_binomial.py"),
    "log x! left out": ("XENON1T/pax", "pull/459"),
    "theta and mu swapped in the sampler": ("scverse/scvi-tools", "issues/1999"),
    "A difference of two log Gammas": ("stan-dev/math", "issues/1495"),
    "log_softmax over the batch": ("ctallec/world-models", "issues/10"),
    "Columns put together in the order of their kinds": ("PriorLabs/TabPFN", "issues/530"),
    "Bits of a density without its unit": ("MokkeMeguru/glow-realnvp-tutorial", "issues/2"),
    "The encoder shown what is to be imputed": ("adrianjav/heterogeneous_vaes", "issues/1"),
    "p(z0) in place of p(zK)": ("casperkaae/parmesan", "pull/21"),
    "The sign of the log-determinant": ("VincentStimper/normalizing-flows", "issues/27"),
    "The norm of w for its square": ("pyro-ppl/pyro", "pull/2192"),
    "A first output that is constant": ("danielward27/flowjax", "issues/147"),
    "The context missing from the flow": ("clementchadebec/benchmark_VAE", "pull/57"),
    "A relaxed sample with the KL of categories": ("Schlumberger/joint-vae", "issues/1"),
    "The KL of a symbol with the sign of an entropy": ("dev4488/VAE_gumble_softmax", "issues/1"),
    "A small number inside the logarithm of a probability": (
        "AntixK/PyTorch-VAE",
        "blob/7f9df52e81b2f5028c956acb840d036e5b0d7f05/models/cat_vae.py"),
    "A misplaced parenthesis in the density of a VampPrior": (
        "clementchadebec/benchmark_VAE", "pull/27"),
    "New images from N(0, I), with a prior that was learned": ("AntixK/PyTorch-VAE", "issues/9"),
    "The first pseudo-inputs, not random ones": ("jmtomczak/vae_vampprior", "issues/3"),
    "Always the first component of a mixture": ("sbi-benchmark/sbibm", "pull/54"),
    "The stratified weights down a column": ("YannDubs/disentangling-vae", "issues/58"),
    "The log weight added before the sum over the dimensions": (
        "YannDubs/disentangling-vae", "issues/60"),
    "A z in a pair with itself": ("TorchDrift/TorchDrift", "issues/9"),
    "log p(y) left out": ("dpkingma/nips14-ssl", "issues/6"),
}


def source(name):
    """A Markdown link to where a bug is to be seen; None where none was found."""
    if name not in SOURCES:
        return None
    repository, path = SOURCES[name]
    kind, _, rest = path.partition("/")
    words = {"issues": f"issue {rest}", "pull": f"pull request {rest}", "blob": rest.rpartition("/")[2]}
    return f"[{repository}, {words[kind]}](https://github.com/{repository}/{path})"
