"""How femb runs on this machine: devices, processes, the collectives between them, logging and memory."""
