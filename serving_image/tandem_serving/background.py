"""Threads that prepare what will be served give way to those that answer."""

import os
import threading

NICE = 10
"""A tenth of the share of a thread that answers, where both want a core; all of it where nobody else does."""


def give_way() -> None:
    """Make the calling thread, and the threads that it will start, give way.

    Not to the last, as the engine's own builders do (SCHED_IDLE): this thread also reports, sees the store and answers
    the engine, which must go on when requests take every core.

    Example:
      >>> import os, threading
      >>> def work() -> None:
      ...     give_way()
      ...     print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
      >>> thread = threading.Thread(target=work)
      >>> thread.start(); thread.join()
      10
    """
    own = threading.get_native_id()  # Linux keeps the priority of each thread under its number
    os.setpriority(os.PRIO_PROCESS, own, max(NICE, os.getpriority(os.PRIO_PROCESS, own)))
