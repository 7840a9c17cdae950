"""Devices, the processes that run one program, and what the backend is good at."""
