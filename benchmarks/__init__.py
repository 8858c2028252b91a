"Ours against peers: the same work on the same machine, in turn. `python -m benchmarks --help`."
