"""Why reading or writing failed, read off an error of the system or of TensorStore."""

import errno
import os
import re
import textwrap

LOST = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO}
"""What the system says where bytes that were written are not there any more."""

_CODE = r"os_error_code='(\d+)'"


def reason(error: Exception) -> str:
    """What went wrong, in few words: the operating system's, where it was at fault.

    >>> reason(OSError(28, "No space left on device"))
    'No space left on device'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # TensorStore packs the error of the operating system into a long text.
    if code := re.search(_CODE, str(error)):
        return os.strerror(int(code[1]))
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)


def of_the_machine(error: Exception) -> bool:
    """Whether reading failed for another cause than what was read.

    >>> of_the_machine(MemoryError()), of_the_machine(ValueError("a bad header"))
    (True, False)
    """
    if isinstance(error, OSError):
        return error.errno not in LOST
    if isinstance(error, MemoryError | ImportError):
        return True
    # TensorStore's errors have one type.
    code = re.search(_CODE, str(error))
    if code:
        return int(code[1]) not in LOST
    return "RESOURCE_EXHAUSTED" in str(error)
