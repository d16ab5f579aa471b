#en Exercise 9: a wrapper that does not get in the way: it passes HUP, USR1 and
#en TERM on to its child, and ends as the child does.
#es Ejercicio 9: un envoltorio que no estorba: reenvía HUP, USR1 y TERM a su
#es hijo, y termina igual que el hijo.
import signal
import subprocess
import sys

CHILD = """
import os, signal, sys
def on_term(number, frame):
    print("child: TERM")
    sys.exit(7)
signal.signal(signal.SIGTERM, on_term)
signal.signal(signal.SIGHUP, lambda number, frame: print("child: HUP"))
signal.signal(signal.SIGUSR1, lambda number, frame: os.kill(os.getpid(), signal.SIGKILL))
print("child up")
while True:
    signal.pause()
"""

child = subprocess.Popen([sys.executable, "-c", CHILD])

#en TODO: pass the signals on
#es TODO: reenvía las señales

print("ready")

#en TODO: end with the status of the child; 128 + n if signal n ended it
#es TODO: termina con el código del hijo; 128 + n si lo terminó la señal n
child.wait()
