"""How femb runs on this machine: devices, processes and the collectives between them, the log, memory."""
