"`python -m selfrefine`, and under `accelerate launch -m selfrefine`: the same as the command `selfrefine`."
import os
from selfrefine.commands.cli import main

if __name__ == '__main__':
    if 'LOCAL_RANK' in os.environ:  # one of several processes, which accelerate must know before anything asks it
        from selfrefine.data.processes import processes
        processes()
    main()
