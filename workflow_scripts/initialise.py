"""Draw the initial weights of a network."""

from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.networks.state import initial_state
from effective_sparsity.storage import save_tensors
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    network = NETWORKS[snakemake.wildcards.architecture].with_classes(snakemake.params.classes)
    state, prunable = initial_state(network, int(snakemake.wildcards.seed))
    save_tensors(snakemake.output[0], state, prunable=prunable, classes=network.classes)
