#en An application that takes TERM seriously, if only it gets it.
#es Una aplicación que se toma TERM en serio, si es que le llega.
import os
import signal
import sys
import time


def on_term(number, frame):
    signal.signal(number, signal.SIG_IGN)  # once is enough
    print("app: TERM; I finish what I am doing")
    time.sleep(0.3)
    print("app: done")
    sys.exit(0)


signal.signal(signal.SIGTERM, on_term)
with open(f"/proc/{os.getppid()}/comm") as comm:
    parent = comm.read().strip()
print(f"app: ready, pid {os.getpid()}, my parent is {parent}")
time.sleep(30)
print("app: nobody ever told me")
