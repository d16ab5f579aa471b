#en Exercise 5: a clock that can be paused.
#en   each 0.1 s   print "tick"
#en   USR1         print "paused", and tick no more; the next one: "resumed", and tick
#en   TERM         end with status 0
#es Ejercicio 5: un reloj que se puede pausar.
#es   cada 0,1 s   imprime "tick"
#es   USR1         imprime "paused" y deja de hacer tic; la siguiente: "resumed", y sigue
#es   TERM         termina con código de salida 0
import signal
import sys


#en While it ends, Python takes its handlers away: ALRM would kill then.
#es Al terminar, Python retira sus manejadores: ALRM mataría entonces.
def on_term(number, frame):
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.exit(0)


#en TODO: the handlers of ALRM and USR1, and the timer; no threads, no loop of sleeps
#es TODO: los manejadores de ALRM y USR1, y el temporizador; sin hilos ni bucle de sleeps
signal.signal(signal.SIGTERM, on_term)
print("ready")
while True:
    signal.pause()
