"""What runs in processes of its own: models, which may be slow or crash."""

import os

# Before numpy is first imported here. Its matrices are small: a second thread would cost a fifth of the time, spinning
# beside the Rampart model's own threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
