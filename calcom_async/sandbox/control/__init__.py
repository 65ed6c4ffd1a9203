"""The control API: everything that a test changes or reads of a sandbox, over HTTP below `/_sandbox/`."""
