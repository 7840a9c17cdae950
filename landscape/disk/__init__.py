"""Files and folders, written as a whole or not at all, and one writer for each."""
