#en Exercise 8: on USR1, end the worker with all that it has started, wait for it,
#en and print "worker ended". TERM ends the program with status 0.
#es Ejercicio 8: con USR1, termina el trabajador con todo lo que haya arrancado,
#es espéralo e imprime "worker ended". TERM termina el programa con código 0.
import signal
import subprocess
import sys

#en The worker has a child of its own; both say so when they get TERM.
#es El trabajador tiene a su vez un hijo; ambos avisan si reciben TERM.
WORKER = """
(trap 'echo grandchild: TERM; exit' TERM; echo up; while :; do sleep 60 & wait; done) &
trap 'echo worker: TERM; exit' TERM
trap 'echo worker: USR1; exit' USR1
wait
"""

worker = None


def on_usr1(number, frame):
    #en TODO: TERM for the worker and its child, wait for the worker, say so
    #es TODO: TERM para el trabajador y su hijo, espera al trabajador, y dilo
    pass


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
print("ready")
#en TODO: what has to change here, so that they can be reached together?
#es TODO: ¿qué hay que cambiar aquí para poder alcanzarlos juntos?
worker = subprocess.Popen(["sh", "-c", WORKER])
while True:
    signal.pause()
