"""Trace the connectivity of a network."""

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.networks.registry import NETWORKS
from effective_sparsity.study.job import job_log

with job_log(snakemake.log[0]):
    network = NETWORKS[snakemake.wildcards.architecture].with_classes(snakemake.params.classes)
    Connectivity(network.build(), network.input_shape).save(snakemake.output[0])
