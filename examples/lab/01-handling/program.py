#en A program that handles USR1 and TERM, and does nothing about any other signal.
#es Un programa que maneja USR1 y TERM, y no hace nada con las demás señales.
import os
import signal
import time

count = 0
going_on = True


#en A handler is called with the signal's number and the frame that it
#en interrupted. Keep it short: note what happened, and let the rest of the
#en program act on it.
#es Un manejador recibe el número de la señal y el marco que interrumpió.
#es Que sea corto: anota lo que pasó y deja que el resto del programa actúe.
def on_usr1(number, frame):
    global count
    count += 1
    name = signal.Signals(number).name
    print(f"{name} number {count}; I was in line {frame.f_lineno}")


def on_term(number, frame):
    global going_on
    going_on = False


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGTERM, on_term)
#en Only now: who reads this line may send at once.
#es Solo ahora: quien lea esta línea puede enviar en ese mismo instante.
print("ready, pid", os.getpid())

while going_on:
    time.sleep(0.1)
print("TERM came: I put things in order, and leave")
