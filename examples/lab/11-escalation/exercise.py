#en Exercise 11: on TERM, end the helper: TERM first, KILL if it is still there
#en after 0.5 s. Wait for it, print "helper gone", and end with status 0.
#es Ejercicio 11: con TERM, termina el ayudante: primero TERM, y KILL si sigue
#es ahí a los 0,5 s. Espéralo, imprime "helper gone", y termina con código 0.
import signal
import subprocess
import sys

#en A helper that says TERM, and does not listen to it.
#es Un ayudante que dice TERM, y no le hace caso.
HELPER = """
import signal
signal.signal(signal.SIGTERM, lambda number, frame: print("helper: TERM"))
print("helper up")
while True:
    signal.pause()
"""

helper = subprocess.Popen([sys.executable, "-c", HELPER])

#en TODO: handle TERM
#es TODO: maneja TERM

print("ready")
while True:
    signal.pause()
