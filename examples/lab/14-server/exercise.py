#en Exercise 14: keep a worker running.
#en   it ends by itself   print "restart in DELAY": 0.1 s, 0.2 s, 0.4 s ... up to 0.8 s;
#en                       wait that long, and start another
#en   HUP                 print "reloaded"
#en   USR1                print "restarts N"
#en   TERM                end the worker, wait for it, end with status 0; even
#en                       while a restart is being waited for
#es Ejercicio 14: mantén un trabajador en marcha.
#es   termina por su cuenta   imprime "restart in DELAY": 0,1 s, 0,2 s, 0,4 s... hasta
#es                           0,8 s; espera ese tiempo, y arranca otro
#es   HUP                     imprime "reloaded"
#es   USR1                    imprime "restarts N"
#es   TERM                    termina el trabajador, espéralo, y acaba con código 0;
#es                           también mientras se espera para rearrancar
import os
import resource
import signal
import time

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


#en Nothing needs to be changed here.
#es Aquí no hace falta cambiar nada.
def start():
    pid = os.fork()
    if pid == 0:
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(name, signal.SIG_DFL)
        while True:
            time.sleep(60)
    print("worker", pid)
    return pid


#en TODO: handlers that take note
#es TODO: manejadores que toman nota

print("ready")
worker = start()
while True:
    #en TODO: has the worker ended? is a restart due? what has been noted?
    #es TODO: ¿ha terminado el trabajador? ¿toca rearrancar? ¿qué hay anotado?
    time.sleep(0.05)
