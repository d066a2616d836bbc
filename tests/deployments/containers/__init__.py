"""The files for containers, deploy/docker and deploy/kubernetes, held against the programs that they are for."""
