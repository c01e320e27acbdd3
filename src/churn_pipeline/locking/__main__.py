"""``python -m churn_pipeline.locking COMMAND``: a command that touches every data set, such as git.

The data sets are those of the current folder's project; ``CHURN_WAIT=1`` waits for other commands.
"""

import subprocess
import sys
from pathlib import Path

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking.lock import WAIT, environment_of_parts, hold
from churn_pipeline.locking.places import all_places


def main(command: list[str]) -> int:
    """Run the command while nothing else works on a data set; return its exit code."""
    try:
        with hold(all_places(Path.cwd()), writes=False, option=f"{WAIT}=1"):
            done = subprocess.run(command, env=environment_of_parts(), check=False)
            return done.returncode
    except (ChurnPipelineError, OSError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
