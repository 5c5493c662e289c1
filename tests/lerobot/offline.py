"""Imported before anything of LeRobot: no network, and no cache that outlives the process.

LeRobot asks the hub for whatever file it misses, and keeps tables it has read by a fingerprint of
their files; both would hide what is wrong with a dataset.
"""

import atexit
import os
import shutil
import tempfile

home = tempfile.mkdtemp(prefix="pilothouse-lerobot-")
atexit.register(shutil.rmtree, home, ignore_errors=True)
os.environ.update(HF_HOME=home, HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
