#en Exercise 4: a long computation that can be spoken to.
#en   USR1   print "got USR1", at once
#en   TERM   print "stopped at N", where N is how far it came, and end with status 0
#es Ejercicio 4: un cálculo largo con el que se puede hablar.
#es   USR1   imprime "got USR1", enseguida
#es   TERM   imprime "stopped at N", con N hasta donde llegó, y termina con código 0
import signal

END = 1_000_000_000_000


def on_usr1(number, frame):
    print("got USR1")


signal.signal(signal.SIGUSR1, on_usr1)
#en TODO: a handler for TERM
#es TODO: un manejador para TERM
print("ready")

#en TODO: this is one call; it takes hours, and no handler runs before its end
#es TODO: esto es una sola llamada; tarda horas, y ningún manejador se ejecuta antes
total = sum(range(END))
print("done", total)
